"""Matchers of routes: what a request has to be like. Limits are those of Envoy's API (route_components.proto)."""

from typing import TypeAlias

from meshio import matching
from meshio.errors import Rejected
from meshio.matching import Matcher, Text
from meshio.matching.text import program_size
from meshio.resilience.fault import Fraction
from meshio.routing.regex import compile_regex
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import RuntimeFractionalPercent
from meshio.xds.proto.envoy.config.route.v3 import HeaderMatcher, QueryParameterMatcher
from meshio.xds.proto.envoy.type.matcher.v3 import RegexMatchAndSubstitute, RegexMatcher, StringMatcher
from meshio.xds.proto.envoy.type.v3 import FractionalPercent
from meshio.xds.text import one_line

HeaderQuestion: TypeAlias = matching.Header | matching.HeaderPresent | matching.HeaderRange
LARGEST_PROGRAM = 32_768  # what Istio's bootstrap sets as re2.max_program_size.error_level; Envoy's own default is 100
LONGEST_PARAMETER = 1024  # characters of a query parameter's name
DENOMINATORS = (100, 10_000, 1_000_000)


def header_matcher(place: Place, header: HeaderMatcher) -> HeaderQuestion:
    """Without any condition it asks for presence (Envoy: HeaderUtility::createHeaderData)."""
    name, invert = header_name(place.at("name"), header.name), header.invert_match
    if header.present_match is not None:
        return matching.HeaderPresent(name, header.present_match, invert, header.treat_missing_header_as_empty)
    if (wanted := header.range_match) is not None:
        return matching.HeaderRange(name, wanted.start, wanted.end, invert, header.treat_missing_header_as_empty)
    wanted_text = header_text(place, header)
    if wanted_text is None:
        return matching.HeaderPresent(name, True, invert, header.treat_missing_header_as_empty)
    return matching.Header(name, wanted_text, invert, header.treat_missing_header_as_empty)


def header_name(place: Place, name: str) -> bytes:
    """The name of a header that is asked for. Envoy takes what no header can be called; it is never there."""
    if not name:
        raise place.rejected("has no name")
    return one_line(place, name).lower().encode()


def header_text(place: Place, header: HeaderMatcher) -> Text | None:
    """The text that is asked for: `string_match`, or one of the older fields for the same."""
    if header.string_match is not None:
        return text(place.at("string_match"), header.string_match)
    if header.safe_regex_match is not None:
        return matching.Regex(pattern(place.at("safe_regex_match"), header.safe_regex_match))
    if header.exact_match is not None:
        return matching.Exact(header.exact_match.encode()) if header.exact_match else None
    if header.prefix_match is not None:
        return matching.Prefix(some(place.at("prefix_match"), header.prefix_match))
    if header.suffix_match is not None:
        return matching.Suffix(some(place.at("suffix_match"), header.suffix_match))
    if header.contains_match is not None:
        return matching.Contains(some(place.at("contains_match"), header.contains_match))
    return None


def some(place: Place, value: str) -> bytes:
    """A part of a text that is asked for; it may not be empty."""
    if not value:
        raise place.rejected("must not be empty")
    return value.encode()


def query_matcher(place: Place, parameter: QueryParameterMatcher) -> Matcher:
    """A query parameter by text, or just its presence."""
    if not 0 < len(parameter.name) <= LONGEST_PARAMETER:
        raise place.rejected(f"must have from 1 to {LONGEST_PARAMETER} characters", "name")
    name = parameter.name.encode()
    if parameter.string_match is not None:
        return matching.Query(name, text(place.at("string_match"), parameter.string_match))
    return matching.QueryPresent(name, parameter.present_match is not False)


def text(place: Place, wanted: StringMatcher) -> Text:
    """Envoy's StringMatcher."""
    if wanted.exact is not None:
        return matching.Exact(wanted.exact.encode(), wanted.ignore_case)
    if wanted.prefix is not None:
        return matching.Prefix(some(place.at("prefix"), wanted.prefix), wanted.ignore_case)
    if wanted.suffix is not None:
        return matching.Suffix(some(place.at("suffix"), wanted.suffix), wanted.ignore_case)
    if wanted.contains is not None:
        return matching.Contains(some(place.at("contains"), wanted.contains), wanted.ignore_case)
    if wanted.safe_regex is not None:
        if wanted.ignore_case:
            raise place.rejected("has no effect on a regex", "ignore_case")
        return matching.Regex(pattern(place.at("safe_regex"), wanted.safe_regex))
    raise place.rejected("has no condition")


def pattern(place: Place, regex: RegexMatcher) -> bytes:
    """An RE2 pattern of bounded size that compiles: publishing cannot fail on it, nor matching take long."""
    raw = some(place.at("regex"), regex.regex)
    try:
        size = program_size(raw)
    except Rejected as error:
        raise place.rejected(f"not RE2: {error.reason}", "regex") from None
    own = regex.google_re2.max_program_size if regex.google_re2 is not None else None
    largest = LARGEST_PROGRAM if own is None else own
    if size > largest:
        raise place.rejected(f"the pattern makes a program of {size} steps, of which {largest} are allowed", "regex")
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
