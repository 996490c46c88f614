"""Matchers, against answers that Envoy 1.40 gave to the same requests."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from meshio.message import Request


def request(path: bytes = b"/", *headers: tuple[bytes, bytes]) -> Request:
    return Request(b"GET", b"reviews:9080", path, list(headers))


def matches(matcher: Matcher, path: bytes = b"/", *values: bytes) -> bool:
    return matcher.test()(request(path, *((b"x-a", value) for value in values)))


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        (Exact(b"v1"), b"v1", b"V1"),
        (Exact(b"v1", ignore_case=True), b"V1", b"v12"),
        (Prefix(b"v1"), b"v12", b"V12"),
        (Prefix(b"v1", ignore_case=True), b"V12", b"v"),
        (Suffix(b".svc"), b"a.svc", b"a.SVC"),
        (Suffix(b".svc", ignore_case=True), b"a.SVC", b"svc"),
        (Contains(b"an"), b"anna", b"ANNA"),
        (Contains(b"AN", ignore_case=True), b"anna", b"ada"),
        (Regex(rb"a.c"), b"abc", b"abcd"),
        (Regex(rb"(?i)a.c"), b"ABC", b"ab"),
        (Exact("É".encode(), ignore_case=True), "É".encode(), "é".encode()),
    ],
)
def test_texts(text: Text, yes: bytes, no: bytes) -> None:
    assert text.test()(yes)
    assert not text.test()(no)


def test_a_pattern_that_is_not_re2_is_rejected_when_it_is_read() -> None:
    with pytest.raises(Rejected, match="missing"):
        Regex(b"a(")
    with pytest.raises(Rejected):
        PathRegex(b"(?=lookahead)")


@pytest.mark.parametrize(
    ("matcher", "yes", "no"),
    [
        (Path(b"/a"), [b"/a", b"/a?x=1", b"/a?"], [b"/a/", b"/A", b"/"]),
        (Path(b"/A", ignore_case=True), [b"/a", b"/A?x"], [b"/a/"]),
        (PathPrefix(b"/api"), [b"/api", b"/apis", b"/api?x"], [b"/API", b"/"]),
        (PathPrefix(b"/P/ic", ignore_case=True), [b"/p/IC/z"], [b"/p/i"]),
        (PathPrefix(b"/p/x?y"), [], [b"/p/x?y", b"/p/xy"]),
        (PathSeparatedPrefix(b"/s/api"), [b"/s/api", b"/s/api/x", b"/s/api?x/y"], [b"/s/apis", b"/s/ap", b"/S/api"]),
        (PathSeparatedPrefix(b"/S/IC", ignore_case=True), [b"/s/ic/", b"/s/Ic"], [b"/s/IcX"]),
        (PathRegex(rb"/r/[a-z]+"), [b"/r/abc", b"/r/abc?x=1"], [b"/r/abc/", b"/r/ABC", b"/x/r/abc"]),
    ],
)
def test_paths_are_compared_without_their_query(matcher: Matcher, yes: list[bytes], no: list[bytes]) -> None:
    assert [path for path in yes if not matches(matcher, path)] == []
    assert [path for path in no if matches(matcher, path)] == []


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


@pytest.mark.parametrize(
    ("matcher", "path", "verdict"),
    [
        (Query(b"a b", Exact(b"x y")), b"/?a%20b=x%20y", False),
        (Query(b"a%20b", Exact(b"x%20y")), b"/?a%20b=x%20y", True),
        (Query(b"a", Exact(b"x")), b"/?a=%78", False),
        (Query(b"a", Exact(b"x")), b"/?b=1&a=x&a=z", True),
        (Query(b"a", Exact(b"x")), b"/?a=z&a=x", False),
        (Query(b"a", Exact(b"x")), b"/?A=x", False),
        (Query(b"a", Exact(b"x")), b"/?a==x", False),
        (Query(b"a", Exact(b"x")), b"/a=x", False),
        (QueryPresent(b"a"), b"/?a", True),
        (QueryPresent(b"a"), b"/?&&a=1", True),
        (QueryPresent(b"a"), b"/?ab=", False),
        (QueryPresent(b"a"), b"/?x?a=1", False),
        (QueryPresent(b"a"), b"/?x=1?&a=1", True),
        (QueryPresent(b"a"), b"/", False),
        (QueryPresent(b"a", present=False), b"/", True),
        (QueryPresent(b"a", present=False), b"/?a", False),
    ],
)
def test_query_parameters_are_compared_as_they_are_written(matcher: Matcher, path: bytes, verdict: bool) -> None:
    assert matches(matcher, path) is verdict


def test_a_fraction_takes_its_share() -> None:
    """10,000 draws of 25 %: more than 4.5 standard deviations off fails once in 150,000 runs."""
    test = RuntimeFraction(25).test()
    assert 2305 < sum(test(request()) for _ in range(10_000)) < 2695
    assert not RuntimeFraction(0).test()(request())
    assert RuntimeFraction(1_000_000, 1_000_000).test()(request())


def test_one_draw_decides_every_fraction_of_a_request() -> None:
    first, second = RuntimeFraction(50).test(), RuntimeFraction(50).test()
    pairs = Counter((first(each), second(each)) for each in [request() for _ in range(200)])
    assert set(pairs) == {(True, True), (False, False)}


@pytest.mark.parametrize(
    ("matcher", "words"),
    [
        (Path(b"/a"), "path is exactly '/a'"),
        (PathPrefix(b"/a", ignore_case=True), "path starts with '/a' (ignoring case)"),
        (PathSeparatedPrefix(b"/a"), "path is '/a' or below it"),
        (PathRegex(b"/a+"), "path matches '/a+'"),
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
        (Query(b"v", Exact(b"2")), "query parameter v is exactly '2'"),
        (QueryPresent(b"v"), "query parameter v is present"),
        (QueryPresent(b"v", present=False), "query parameter v is absent"),
        (RuntimeFraction(5), "chance is 5 in 100"),
        (Path(b"/\xff"), r"path is exactly '/\\xff'"),
    ],
)
def test_matchers_say_what_they_ask(matcher: Matcher, words: str) -> None:
    assert str(matcher) == words


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


@given(st.text("/ab?.", max_size=8), st.text("/ab", min_size=1, max_size=3))
def test_a_separated_prefix_is_a_prefix_that_ends_where_a_segment_ends(path: str, prefix: str) -> None:
    bare = path.split("?")[0]
    expected = bare == prefix or bare.startswith(prefix + "/")
    assert matches(PathSeparatedPrefix(prefix.encode()), path.encode()) is expected
    assert matches(PathPrefix(prefix.encode()), path.encode()) is bare.startswith(prefix)
