"""Which answers a cluster takes for errors (MatchPredicate) -> a condition on the response head."""

from meshio.resilience.question import Question
from meshio.resilience.verdict import Contrary, Either, Heads, Together
from meshio.xds.matching import header_matcher
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.common.matcher.v3 import HttpHeadersMatch, MatchPredicate, MatchPredicateMatchSet
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsOutlierDetection

DEEPEST = 16


def translate_errors(place: Place, message: HttpProtocolOptionsOutlierDetection | None) -> Question | None:
    """The error matcher of a cluster; None where 5xx are its errors."""
    if message is None:
        return None
    here = place.at("error_matcher")
    if message.error_matcher is None:
        raise here.rejected("is required")
    return predicate(here, message.error_matcher, 0)


def predicate(place: Place, message: MatchPredicate, depth: int) -> Question:
    """Exactly one kind of condition."""
    if depth > DEEPEST:
        raise place.rejected(f"is nested more than {DEEPEST} deep")
    if message.or_match is not None:
        return Either(parts(place.at("or_match"), message.or_match, depth))
    if message.and_match is not None:
        return Together(parts(place.at("and_match"), message.and_match, depth))
    if message.not_match is not None:
        return Contrary(predicate(place.at("not_match"), message.not_match, depth + 1))
    if message.any_match is not None:
        if not message.any_match:
            raise place.rejected("must be true", "any_match")
        return Heads()
    if message.http_response_headers_match is not None:
        return heads(place.at("http_response_headers_match"), message.http_response_headers_match)
    raise place.rejected("has no condition")


def parts(place: Place, group: MatchPredicateMatchSet, depth: int) -> tuple[Question, ...]:
    if len(group.rules) < 2:
        raise place.rejected("must be at least two", "rules")
    return tuple(predicate(place.at("rules", index), rule, depth + 1) for index, rule in enumerate(group.rules))


def heads(place: Place, message: HttpHeadersMatch) -> Heads:
    return Heads(tuple(header_matcher(place.at("headers", i), each) for i, each in enumerate(message.headers)))
