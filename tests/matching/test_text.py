"""Texts, against answers that Envoy 1.40 gave."""

import pytest

from meshio.errors import Rejected
from meshio.matching import Contains, Exact, PathRegex, Prefix, Regex, Suffix, Text


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
