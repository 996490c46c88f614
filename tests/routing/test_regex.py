"""Regex substitution: RE2's, not Python's."""

import pytest

from meshio.errors import Rejected
from meshio.routing.regex import compile_regex


@pytest.mark.parametrize(
    ("pattern", "substitution", "text", "result"),
    [
        (r"^/v1/(.*)$", r"/v2/\1", b"/v1/a", b"/v2/a"),
        (r"(\w+)-(\w+)", r"\2-\1", b"a-b c-d", b"b-a d-c"),
        (r"x", r"[\0]", b"axb", b"a[x]b"),
        (r"x", r"\\1", b"axb", rb"a\1b"),
        (r"(z)|a", r"<\1>", b"aza", b"<><z><>"),
        (r"x", "$1 &", b"x", b"$1 &"),
        (r"o*", "0", b"/old/o", b"0/0l0d0/0"),
        (r"nothing", "x", b"same", b"same"),
    ],
)
def test_matches_are_replaced_as_re2_does(pattern, substitution, text, result):
    assert compile_regex(pattern, substitution)(text) == result


@pytest.mark.parametrize("substitution", [r"\2", r"\n", "tail\\", r"\g<1>"])
def test_a_substitution_that_names_no_group_is_rejected(substitution):
    with pytest.raises(Rejected, match="substitution"):
        compile_regex("(a)", substitution)


@pytest.mark.parametrize("pattern", ["(", "(?=look)", r"(a)\1"])
def test_what_is_not_re2_is_rejected(pattern):
    with pytest.raises(Rejected, match="not an RE2 regex"):
        compile_regex(pattern, "x")
