"""Matchers of a route -> RouteMatch."""

from collections.abc import Iterable

from meshio.errors import Rejected
from meshio.matching import (
    BarePath,
    Connect,
    FilterState,
    FilterStateAddress,
    Grpc,
    Header,
    HeaderPresent,
    HeaderRange,
    Matcher,
    Metadata,
    Path,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    PathTemplate,
    PeerCertificate,
    Query,
    QueryPresent,
    RuntimeFraction,
)
from meshio.resilience.fault import Fraction
from meshio.xds.encode.notes import encode_filter_state, encode_metadata
from meshio.xds.encode.parts import extension, regex, runtime_share, text
from meshio.xds.encode.text import encode_text
from meshio.xds.proto.envoy.config.route.v3 import (
    HeaderMatcher,
    QueryParameterMatcher,
    RouteMatch,
    RouteMatchConnectMatcher,
    RouteMatchGrpcRouteMatchOptions,
    RouteMatchTlsContextMatchOptions,
)
from meshio.xds.proto.envoy.extensions.path.match.uri_template.v3 import UriTemplateMatchConfig
from meshio.xds.proto.envoy.type.v3 import Int64Range

MATCH_TEMPLATE = "envoy.path.match.uri_template.uri_template_matcher"


def encode_match(matchers: Iterable[Matcher]) -> RouteMatch:
    """Envoy wants a question about the path in every route: without one, any path it is."""
    match = RouteMatch()
    for matcher in matchers:
        add_matcher(match, matcher)
    paths = (match.prefix, match.path, match.path_separated_prefix, match.safe_regex, match.path_match_policy)
    if all(each is None for each in (*paths, match.connect_matcher)):
        match.prefix = "/"
    return match


def add_matcher(match: RouteMatch, matcher: Matcher) -> None:
    """Raises Rejected for a matcher that xDS has no words for."""
    match matcher:
        case Path() | PathPrefix() | PathSeparatedPrefix() | PathRegex():
            set_path(match, matcher)
        case BarePath(inner):
            set_path(match, inner)
        case PathTemplate(template):
            match.path_match_policy = extension(MATCH_TEMPLATE, UriTemplateMatchConfig(path_template=template))
        case Connect():
            match.connect_matcher = RouteMatchConnectMatcher()
        case Grpc():
            match.grpc = RouteMatchGrpcRouteMatchOptions()
        case PeerCertificate(presented, validated):
            match.tls_context = RouteMatchTlsContextMatchOptions(presented=presented, validated=validated)
        case Metadata():
            match.dynamic_metadata.append(encode_metadata(matcher))
        case FilterState() | FilterStateAddress():
            match.filter_state.append(encode_filter_state(matcher))
        case Header() | HeaderPresent() | HeaderRange():
            match.headers.append(encode_header(matcher))
        case Query(name, question):
            match.query_parameters.append(QueryParameterMatcher(name=text(name), string_match=encode_text(question)))
        case QueryPresent(name, present):
            match.query_parameters.append(QueryParameterMatcher(name=text(name), present_match=present))
        case RuntimeFraction(numerator, denominator):
            match.runtime_fraction = runtime_share(Fraction(numerator, denominator))
        case _:
            raise Rejected(str(matcher), "match", "xDS has no such matcher")


def set_path(match: RouteMatch, matcher: Path | PathPrefix | PathSeparatedPrefix | PathRegex) -> None:
    match matcher:
        case Path(value):
            match.path = text(value)
        case PathPrefix(value):
            match.prefix = text(value)
        case PathSeparatedPrefix(value):
            match.path_separated_prefix = text(value)
        case PathRegex(pattern):
            match.safe_regex = regex(text(pattern))
    if not isinstance(matcher, PathRegex) and matcher.ignore_case:
        match.case_sensitive = False


def encode_header(matcher: Header | HeaderPresent | HeaderRange) -> HeaderMatcher:
    encoded = HeaderMatcher(name=text(matcher.name), invert_match=matcher.invert)
    match matcher:
        case Header():
            encoded.string_match = encode_text(matcher.text)
            encoded.treat_missing_header_as_empty = matcher.treat_missing_as_empty
        case HeaderPresent():
            encoded.present_match = matcher.present
            encoded.treat_missing_header_as_empty = matcher.treat_missing_as_empty
        case HeaderRange():
            encoded.range_match = Int64Range(start=matcher.start, end=matcher.end)
            encoded.treat_missing_header_as_empty = matcher.treat_missing_as_empty
    return encoded


def encode_question(question: object) -> HeaderMatcher | QueryParameterMatcher:
    """A condition of a filter. Raises Rejected for what xDS has no words for."""
    match question:
        case Header() | HeaderPresent() | HeaderRange():
            return encode_header(question)
        case Query(name, asked):
            return QueryParameterMatcher(name=text(name), string_match=encode_text(asked))
        case QueryPresent(name, present):
            return QueryParameterMatcher(name=text(name), present_match=present)
    raise Rejected(str(question), "headers", "xDS has no such matcher")
