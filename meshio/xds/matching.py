"""Matchers of routes: what a request has to be like."""

from collections.abc import Iterator
from typing import TypeAlias

from meshio import matching
from meshio.errors import Rejected
from meshio.matching import Matcher, Text
from meshio.matching.text import full_match
from meshio.resilience.fault import Fraction
from meshio.routing.regex import compile_regex
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import RuntimeFractionalPercent
from meshio.xds.proto.envoy.config.route.v3 import HeaderMatcher, QueryParameterMatcher, RouteMatch
from meshio.xds.proto.envoy.type.matcher.v3 import RegexMatchAndSubstitute, RegexMatcher, StringMatcher
from meshio.xds.proto.envoy.type.v3 import FractionalPercent

HeaderQuestion: TypeAlias = matching.Header | matching.HeaderPresent | matching.HeaderRange
LONGEST_PATTERN = 4096  # characters; RE2 bounds the compiled program itself
DENOMINATORS = (100, 10_000, 1_000_000)


def translate_match(place: Place, match: RouteMatch) -> tuple[Matcher, ...]:
    """All conditions of a route: path first, then headers, query and chance."""
    return tuple(conditions(place, match))


def conditions(place: Place, match: RouteMatch) -> Iterator[Matcher]:
    yield path_matcher(place, match)
    for index, header in enumerate(match.headers):
        yield header_matcher(place.at("headers", index), header)
    for index, parameter in enumerate(match.query_parameters):
        yield query_matcher(place.at("query_parameters", index), parameter)
    if match.runtime_fraction is not None:
        share = fraction(place.at("runtime_fraction"), match.runtime_fraction)
        yield matching.RuntimeFraction(share.numerator, share.denominator)


def path_matcher(place: Place, match: RouteMatch) -> Matcher:
    """The one condition that every route has."""
    ignore_case = match.case_sensitive is False
    if match.prefix is not None:
        return matching.PathPrefix(match.prefix.encode(), ignore_case)
    if match.path is not None:
        return matching.Path(match.path.encode(), ignore_case)
    if match.path_separated_prefix is not None:
        return matching.PathSeparatedPrefix(separated_prefix(place, match.path_separated_prefix), ignore_case)
    if match.safe_regex is not None:
        return matching.PathRegex(pattern(place.at("safe_regex"), match.safe_regex))
    raise place.rejected("has no path condition")


def separated_prefix(place: Place, prefix: str) -> bytes:
    """At least two characters, without query or fragment, not ending in a slash (Envoy's rule)."""
    if len(prefix) < 2 or prefix.endswith("/") or "?" in prefix or "#" in prefix:
        raise place.rejected(f"{prefix!r} is not a path that a slash or a query may follow", "path_separated_prefix")
    return prefix.encode()


def header_matcher(place: Place, header: HeaderMatcher) -> HeaderQuestion:
    """Without any condition it asks for presence (Envoy: HeaderUtility::createHeaderData)."""
    name, invert = header.name.lower().encode(), header.invert_match
    if not name:
        raise place.rejected("has no name", "name")
    if header.present_match is not None:
        return matching.HeaderPresent(name, header.present_match, invert)
    if (wanted := header.range_match) is not None:
        return matching.HeaderRange(name, wanted.start, wanted.end, invert, header.treat_missing_header_as_empty)
    wanted_text = header_text(place, header)
    if wanted_text is None:
        return matching.HeaderPresent(name, True, invert)
    return matching.Header(name, wanted_text, invert, header.treat_missing_header_as_empty)


def header_text(place: Place, header: HeaderMatcher) -> Text | None:
    """The text that is asked for: `string_match`, or one of the older fields for the same."""
    if header.string_match is not None:
        return text(place.at("string_match"), header.string_match)
    if header.safe_regex_match is not None:
        return matching.Regex(pattern(place.at("safe_regex_match"), header.safe_regex_match))
    if header.exact_match is not None:
        return matching.Exact(header.exact_match.encode()) if header.exact_match else None
    if header.prefix_match is not None:
        return matching.Prefix(header.prefix_match.encode())
    if header.suffix_match is not None:
        return matching.Suffix(header.suffix_match.encode())
    if header.contains_match is not None:
        return matching.Contains(header.contains_match.encode())
    return None


def query_matcher(place: Place, parameter: QueryParameterMatcher) -> Matcher:
    """A query parameter by text, or just its presence."""
    name = parameter.name.encode()
    if parameter.string_match is not None:
        return matching.Query(name, text(place.at("string_match"), parameter.string_match))
    if parameter.present_match is False:
        raise place.rejected("absence of a query parameter cannot be asked for", "present_match")
    return matching.QueryPresent(name)


def text(place: Place, wanted: StringMatcher) -> Text:
    """Envoy's StringMatcher."""
    if wanted.exact is not None:
        return matching.Exact(wanted.exact.encode(), wanted.ignore_case)
    if wanted.prefix is not None:
        return matching.Prefix(wanted.prefix.encode(), wanted.ignore_case)
    if wanted.suffix is not None:
        return matching.Suffix(wanted.suffix.encode(), wanted.ignore_case)
    if wanted.contains is not None:
        return matching.Contains(wanted.contains.encode(), wanted.ignore_case)
    if wanted.safe_regex is not None:
        return matching.Regex(pattern(place.at("safe_regex"), wanted.safe_regex))
    raise place.rejected("has no condition")


def pattern(place: Place, regex: RegexMatcher) -> bytes:
    """An RE2 pattern that compiles, so that publishing a snapshot cannot fail on it."""
    if len(regex.regex) > LONGEST_PATTERN:
        raise place.rejected(f"the pattern is longer than {LONGEST_PATTERN} characters", "regex")
    raw = regex.regex.encode()
    try:
        full_match(raw)
    except Rejected as error:
        raise place.rejected(f"not RE2: {error.reason}", "regex") from None
    return raw


def substitution(place: Place, rewrite: RegexMatchAndSubstitute) -> tuple[str, str]:
    """A pattern and what replaces it, of which it is known that they go together."""
    if rewrite.pattern is None:
        raise place.rejected("has no pattern", "pattern")
    pattern(place.at("pattern"), rewrite.pattern)
    try:
        compile_regex(rewrite.pattern.regex, rewrite.substitution)
    except Rejected as error:
        raise place.rejected(error.reason, error.field) from None
    return rewrite.pattern.regex, rewrite.substitution


def fraction(place: Place, share: RuntimeFractionalPercent) -> Fraction:
    """The default value: there is no runtime to override it."""
    if share.default_value is None:
        raise place.rejected("has no value", "default_value")
    return percent(place.at("default_value"), share.default_value)


def percent(place: Place, share: FractionalPercent) -> Fraction:
    """Envoy's FractionalPercent."""
    if share.denominator not in range(len(DENOMINATORS)):
        raise place.rejected(f"denominator {int(share.denominator)} is unknown", "denominator")
    return Fraction(share.numerator, DENOMINATORS[share.denominator])
