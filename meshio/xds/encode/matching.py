"""Matchers of a route -> RouteMatch."""

from collections.abc import Iterable

from meshio.errors import Rejected
from meshio.matching import (
    Contains,
    Exact,
    Header,
    HeaderPresent,
    HeaderRange,
    Matcher,
    Path,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    Prefix,
    Query,
    QueryPresent,
    Regex,
    RuntimeFraction,
    Suffix,
    Text,
)
from meshio.resilience.fault import Fraction
from meshio.xds.encode.parts import regex, runtime_share, text
from meshio.xds.proto.envoy.config.route.v3 import HeaderMatcher, QueryParameterMatcher, RouteMatch
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher
from meshio.xds.proto.envoy.type.v3 import Int64Range


def encode_match(matchers: Iterable[Matcher]) -> RouteMatch:
    """Envoy wants a question about the path in every route: without one, any path it is."""
    match = RouteMatch()
    for matcher in matchers:
        add_matcher(match, matcher)
    if (match.prefix, match.path, match.path_separated_prefix, match.safe_regex) == (None, None, None, None):
        match.prefix = "/"
    return match


def add_matcher(match: RouteMatch, matcher: Matcher) -> None:
    """Raises Rejected for a matcher that xDS has no words for."""
    match matcher:
        case Path() | PathPrefix() | PathSeparatedPrefix() | PathRegex():
            set_path(match, matcher)
        case Header() | HeaderPresent() | HeaderRange():
            match.headers.append(encode_header(matcher))
        case Query(name, question):
            match.query_parameters.append(QueryParameterMatcher(name=text(name), string_match=encode_text(question)))
        case QueryPresent(name):
            match.query_parameters.append(QueryParameterMatcher(name=text(name), present_match=True))
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
        case HeaderRange():
            encoded.range_match = Int64Range(start=matcher.start, end=matcher.end)
            encoded.treat_missing_header_as_empty = matcher.treat_missing_as_empty
    return encoded


def encode_text(question: Text) -> StringMatcher:
    """Raises Rejected for a question that xDS has no words for."""
    match question:
        case Exact(value, ignore_case):
            return StringMatcher(exact=text(value), ignore_case=ignore_case)
        case Prefix(value, ignore_case):
            return StringMatcher(prefix=text(value), ignore_case=ignore_case)
        case Suffix(value, ignore_case):
            return StringMatcher(suffix=text(value), ignore_case=ignore_case)
        case Contains(value, ignore_case):
            return StringMatcher(contains=text(value), ignore_case=ignore_case)
        case Regex(pattern):
            return StringMatcher(safe_regex=regex(text(pattern)))
    raise Rejected(str(question), "string_match", "xDS has no such matcher")
