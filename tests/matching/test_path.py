"""Paths, against answers that Envoy 1.40 gave to the same requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.matching import Matcher, Path, PathPrefix, PathRegex, PathSeparatedPrefix
from tests.matching.asked import matches


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


@given(st.text("/ab?.", max_size=8), st.text("/ab", min_size=1, max_size=3))
def test_a_separated_prefix_is_a_prefix_that_ends_where_a_segment_ends(path: str, prefix: str) -> None:
    bare = path.split("?")[0]
    expected = bare == prefix or bare.startswith(prefix + "/")
    assert matches(PathSeparatedPrefix(prefix.encode()), path.encode()) is expected
    assert matches(PathPrefix(prefix.encode()), path.encode()) is bare.startswith(prefix)


@pytest.mark.parametrize(
    ("matcher", "words"),
    [
        (Path(b"/a"), "path is exactly '/a'"),
        (PathPrefix(b"/a", ignore_case=True), "path starts with '/a' (ignoring case)"),
        (PathSeparatedPrefix(b"/a"), "path is '/a' or below it"),
        (PathRegex(b"/a+"), "path matches '/a+'"),
        (Path(b"/\xff"), r"path is exactly '/\\xff'"),
    ],
)
def test_paths_say_what_they_ask(matcher: Matcher, words: str) -> None:
    assert str(matcher) == words
