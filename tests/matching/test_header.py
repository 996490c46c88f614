"""Headers, against answers that Envoy 1.40 gave to the same requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.matching import Contains, Exact, Header, HeaderPresent, HeaderRange, Matcher, Prefix, Regex, Suffix
from meshio.matching.inputs import HeaderInput
from meshio.matching.tree import Asked
from tests.matching.asked import matches, request

V, RANGE = Exact(b"v"), (-5, 10)
NOTHING: tuple[bytes, ...] = ()


@pytest.mark.parametrize(
    ("matcher", "verdicts"),  # for: no header, an empty one, "v", "7", both "v" and "w"
    [
        (Header(b"x-a", V), "nnyny"),
        (Header(b"x-a", V, invert=True), "nynyn"),
        (Header(b"x-a", V, invert=True, treat_missing_as_empty=True), "yynyn"),
        (Header(b"x-a", Exact(b""), treat_missing_as_empty=True), "yynnn"),
        (HeaderPresent(b"x-a"), "nyyyy"),
        (HeaderPresent(b"x-a", present=False), "ynnnn"),
        (HeaderPresent(b"x-a", invert=True), "ynnnn"),
        (HeaderPresent(b"x-a", present=False, invert=True), "nyyyy"),
        (HeaderPresent(b"x-a", treat_missing_as_empty=True), "yyyyy"),
        (HeaderPresent(b"x-a", invert=True, treat_missing_as_empty=True), "nnnnn"),
        (HeaderRange(b"x-a", *RANGE), "nnnyn"),
        (HeaderRange(b"x-a", *RANGE, invert=True), "nyyny"),
        (HeaderRange(b"x-a", *RANGE, invert=True, treat_missing_as_empty=True), "yyyny"),
    ],
)
def test_missing_and_repeated_headers_are_judged_as_envoy_does(matcher: Matcher, verdicts: str) -> None:
    cases = [NOTHING, (b"",), (b"v",), (b"7",), (b"v", b"w")]
    assert "".join("y" if matches(matcher, b"/", *values) else "n" for values in cases) == verdicts


@pytest.mark.parametrize(
    ("value", "inside"),
    [(b"-5", 1), (b"10", 0), (b"+3", 1), (b"0x3", 0), (b"3.0", 0), (b"9" * 20, 0), (b"4 ", 1), (b"", 0), (b"+", 0)],
)
def test_a_header_range_takes_whole_decimal_numbers(value: bytes, inside: int) -> None:
    assert matches(HeaderRange(b"x-a", -5, 10), b"/", value) is bool(inside)


def test_one_of_several_values_is_enough_and_with_invert_none_may_match() -> None:
    assert matches(HeaderRange(b"x-a", *RANGE), b"/", b"99", b"3")
    assert not matches(HeaderRange(b"x-a", *RANGE, invert=True), b"/", b"99", b"3")


def test_headers_that_envoy_keeps_once_are_joined() -> None:
    accept = Header(b"accept", Exact(b"a/b,c/d"))
    both = request(b"/", (b"accept", b"a/b"), (b"x", b"y"), (b"accept", b"c/d"))
    assert accept.test()(both)
    assert not Header(b"accept", Exact(b"a/b")).test()(both)
    assert Header(b"accept", Exact(b"a/b"), invert=True).test()(both)
    assert not accept.test()(request())
    assert Header(b"accept", Exact(b""), treat_missing_as_empty=True).test()(request())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b":method", b"GET"),
        (b":authority", b"reviews:9080"),
        (b"host", b"reviews:9080"),
        (b":path", b"/a?q=1"),
        (b":scheme", b"http"),
    ],
)
def test_pseudo_headers_are_headers_of_every_request(name: bytes, value: bytes) -> None:
    asked = request(b"/a?q=1")
    assert Header(name, Exact(value)).test()(asked)
    assert not Header(name, Exact(value), invert=True).test()(asked)
    assert HeaderPresent(name).test()(asked)
    assert not HeaderPresent(name, invert=True).test()(asked)


names = st.sampled_from([b"x-a", b"x-b", b"accept", b"host", b":path"])
values = st.sampled_from([b"", b"v", b"w", b"vw"])
headers = st.lists(st.tuples(st.sampled_from([b"x-a", b"x-b", b"accept"]), values), max_size=5)


@given(names, values, headers)
def test_inversion_is_the_opposite_wherever_the_header_exists(
    name: bytes, value: bytes, given_headers: list[tuple[bytes, bytes]]
) -> None:
    asked = request(b"/", *given_headers)
    plain, inverted = Header(name, Prefix(value)), Header(name, Prefix(value), invert=True)
    if HeaderPresent(name).test()(asked):
        assert plain.test()(asked) is not inverted.test()(asked)
    else:
        assert not plain.test()(asked)
        assert not inverted.test()(asked)


@pytest.mark.parametrize(
    ("matcher", "words"),
    [
        (Header(b"x-canary", Exact(b"true")), "header x-canary is exactly 'true'"),
        (Header(b"x-a", Prefix(b"v"), invert=True), "header x-a not: starts with 'v'"),
        (Header(b"x-a", Suffix(b"v")), "header x-a ends with 'v'"),
        (Header(b"x-a", Contains(b"v")), "header x-a contains 'v'"),
        (
            Header(b"x-a", Regex(b"v"), treat_missing_as_empty=True),
            "header x-a matches 'v' (missing counts as empty)",
        ),
        (HeaderPresent(b"x-a"), "header x-a is present"),
        (HeaderPresent(b"x-a", invert=True), "header x-a is absent"),
        (HeaderRange(b"x-a", 1, 3), "header x-a in [1, 3)"),
        (HeaderRange(b"x-a", 1, 3, invert=True), "header x-a not in [1, 3)"),
    ],
)
def test_headers_say_what_they_ask(matcher: Matcher, words: str) -> None:
    assert str(matcher) == words


@pytest.mark.parametrize("values", [(b"", b"1"), (b"1", b""), (b"", b"1", b"")])
def test_of_a_joined_header_empty_values_leave_nothing(values: tuple[bytes, ...]) -> None:
    asked = request(b"/", *((b"accept", value) for value in values))
    assert Header(b"accept", Exact(b"1")).test()(asked)
    assert Asked(HeaderInput(b"accept"), Exact(b"1")).test()(asked)
    assert not Asked(HeaderInput(b"accept"), Exact(b"")).test()(request())
    assert Header(b"accept", Exact(b"")).test()(request(b"/", (b"accept", b""), (b"accept", b"")))
