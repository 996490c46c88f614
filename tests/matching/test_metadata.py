"""Metadata and filter state, against answers that Envoy 1.40 gave about the same metadata."""

import pytest

from meshio.matching import Exact, FilterState, FilterStateAddress, Metadata, Prefix
from meshio.matching.metadata import Boolean, Either, Null, Number, OneOf, Present, Value, Words
from meshio.message import Notes, Request
from tests.matching.asked import request

SAID = {
    "f": {
        "s": "v", "n": 1.5, "i": 3, "b": True, "z": None, "l": ["a", "b", 1], "o": {"p": {"q": "deep"}}, "e": "",
        "el": [],
    }
}  # fmt: skip
V, EMPTY = Words(Exact(b"v")), Words(Exact(b""))


def noted(notes: Notes | None) -> Request:
    asked = request()
    asked.notes = notes
    return asked


@pytest.mark.parametrize(
    ("path", "value", "yes"),
    [
        ("s", V, True),
        ("n", Number(1.5), True),
        ("n", Number(1.5, 2), True),
        ("n", Number(1, 1.5), False),
        ("i", Number(3), True),
        ("b", Boolean(True), True),
        ("b", Boolean(False), False),
        ("b", Number(1), False),
        ("z", Null(), True),
        ("z", Present(), True),
        ("l", OneOf(Words(Exact(b"b"))), True),
        ("l", OneOf(Number(1)), True),
        ("l", Words(Exact(b"a")), False),
        ("l", Present(), True),
        ("el", OneOf(Present()), False),
        ("el", Present(), True),
        ("o", Present(), True),
        ("o/p/q", Words(Exact(b"deep")), True),
        ("s/x", Present(), False),
        ("o/p", Words(Prefix(b"d")), False),
        ("e", EMPTY, True),
        ("s", Either((Boolean(True), Words(Prefix(b"v")))), True),
        ("s", Present(wanted=False), False),
        ("none", Present(wanted=False), False),
        ("none", EMPTY, False),
        ("s", Boolean(True), False),
        ("n", Words(Exact(b"1.5")), False),
        ("l", Number(1), False),
        ("none", Boolean(False), False),
        ("none", Number(0), False),
        ("none", Null(), False),
        ("none", Either((Present(wanted=False), Null())), False),
    ],
)
def test_values_of_metadata(path: str, value: Value, yes: bool) -> None:
    plain, inverted = (Metadata("f", tuple(path.split("/")), value, invert) for invert in (False, True))
    assert plain.test()(noted(Notes(SAID))) is yes
    assert inverted.test()(noted(Notes(SAID))) is not yes


@pytest.mark.parametrize("value", [V, EMPTY, Null(), Present(), Present(wanted=False), Number(0), Boolean(False)])
@pytest.mark.parametrize("notes", [None, Notes(), Notes({"g": {"s": "v"}})])
def test_without_the_note_nothing_is_found(value: Value, notes: Notes | None) -> None:
    assert Metadata("f", ("s",), value).test()(noted(notes)) is False
    assert Metadata("f", ("s",), value, invert=True).test()(noted(notes)) is True


def test_filter_state_is_text() -> None:
    matcher = FilterState("k", Prefix(b"v"))
    states = [None, Notes(), Notes(filter_state={"k": "vw"}), Notes(filter_state={"k": "w"})]
    assert [matcher.test()(noted(state)) for state in states] == [False, False, True, False]


def test_filter_state_can_be_an_address() -> None:
    matcher = FilterStateAddress("k", ("10.0.0.0/8", "fd00::/8"))
    said = ["10.1.2.3", "11.1.2.3", "fd00::1", "no address"]
    assert [matcher.test()(noted(Notes(filter_state={"k": text}))) for text in said] == [True, False, True, False]
    assert matcher.test()(noted(None)) is False
    with pytest.raises(ValueError, match="network"):
        FilterStateAddress("k", ("10.0.0.0/99",))


def test_they_say_what_they_ask() -> None:
    said = [
        Metadata("f", ("a", "b"), OneOf(V)),
        Metadata("f", ("a",), Either((Null(), Boolean(True), Number(1), Number(1, 2), Present())), invert=True),
        Metadata("f", ("a",), Present(wanted=False)),
        FilterState("k", Exact(b"v")),
        FilterStateAddress("k", ("10.0.0.0/8", "fd00::/8")),
    ]
    assert list(map(str, said)) == [
        "metadata f.a.b holds an item that is exactly 'v'",
        "metadata f.a not: is null or is true or is 1 or is in [1, 2) or is present",
        "metadata f.a never matches",
        "filter state k is exactly 'v'",
        "filter state k is in 10.0.0.0/8 or fd00::/8",
    ]
