"""A condition on the response head -> MatchPredicate."""

from meshio.errors import Rejected
from meshio.resilience.question import Question
from meshio.resilience.verdict import Contrary, Either, Heads, Together
from meshio.xds.encode.retry import encode_headers
from meshio.xds.proto.envoy.config.common.matcher.v3 import HttpHeadersMatch, MatchPredicate, MatchPredicateMatchSet
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsOutlierDetection


def encode_errors(errors: Question | None) -> HttpProtocolOptionsOutlierDetection | None:
    return None if errors is None else HttpProtocolOptionsOutlierDetection(encode_predicate(errors))


def encode_predicate(question: Question) -> MatchPredicate:
    """Raises Rejected for a condition that xDS has no words for."""
    match question:
        case Heads(headers):
            return MatchPredicate(http_response_headers_match=HttpHeadersMatch(encode_headers(headers)))
        case Together(parts):
            return MatchPredicate(and_match=MatchPredicateMatchSet([encode_predicate(part) for part in parts]))
        case Either(parts):
            return MatchPredicate(or_match=MatchPredicateMatchSet([encode_predicate(part) for part in parts]))
        case Contrary(part):
            return MatchPredicate(not_match=encode_predicate(part))
    raise Rejected(str(question), "error_matcher", "xDS has no such matcher")
