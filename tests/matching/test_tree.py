"""Trees of questions, against answers that Envoy 1.40 gave to the same trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.matching import Contains, Exact, Prefix
from meshio.matching.inputs import HeaderInput, StateInput
from meshio.matching.tree import Asked, ByValue, Every, HashShare, InNetworks, InTurn, Leaf, Not, Some, Tree
from meshio.message import Notes, Request

X, Y = HeaderInput(b"x"), HeaderInput(b"y")
NONE = Leaf("none")


def asked(path: bytes = b"/", **headers: str | list[str]) -> Request:
    pairs = [
        (name, value) for name, given in headers.items() for value in ([given] if isinstance(given, str) else given)
    ]
    return Request(b"GET", b"h", path, [(name.encode(), value.encode()) for name, value in pairs])


def found(tree: Tree[str], request: Request) -> str | None:
    return tree.find(lambda action: action)(request)


def x(text: str) -> Asked:
    return Asked(X, Exact(text.encode()))


LIST = InTurn(((x("1"), Leaf("one")), (Asked(X, Prefix(b"1")), Leaf("p1")), (Not(x("2")), Leaf("not2"))), NONE)
NESTED = InTurn(
    ((x("1"), InTurn(((Asked(Y, Exact(b"1")), Leaf("xy")),))), (Asked(X, Prefix(b"1")), Leaf("second"))), NONE
)
TOGETHER = InTurn(
    (
        (Some((x("1"), Asked(Y, Exact(b"1")))), Leaf("or")),
        (Every((x("2"), Not(Asked(Y, Exact(b"2"))))), Leaf("and")),
    ),
    NONE,
)
VALUES = ByValue(X, ((b"1", Leaf("one")), (b"1,2", Leaf("both")), (b"", Leaf("empty"))), otherwise=NONE)
DEEP = ByValue(X, ((b"1", ByValue(Y, ((b"1", Leaf("deep")),))),), otherwise=NONE)
PREFIXES = ByValue(
    HeaderInput(b":path"),
    ((b"/", Leaf("root")), (b"/a", Leaf("a")), (b"/a/b", InTurn(((Asked(Y, Exact(b"1")), Leaf("ab")),)))),
    prefixes=True,
    otherwise=NONE,
)


@pytest.mark.parametrize(
    ("tree", "request_", "expected"),
    [
        (LIST, asked(), "not2"),
        (LIST, asked(x="1"), "one"),
        (LIST, asked(x="12"), "p1"),
        (LIST, asked(x="2"), "none"),
        (LIST, asked(x="3"), "not2"),
        (LIST, asked(x=["2", "1"]), "not2"),
        (NESTED, asked(), "none"),
        (NESTED, asked(x="1"), "second"),
        (NESTED, asked(x="1", y="1"), "xy"),
        (TOGETHER, asked(), "none"),
        (TOGETHER, asked(y="1"), "or"),
        (TOGETHER, asked(x="2"), "and"),
        (TOGETHER, asked(x="2", y="2"), "none"),
        (VALUES, asked(x="1"), "one"),
        (VALUES, asked(x=["1", "2"]), "both"),
        (VALUES, asked(x=""), "empty"),
        (VALUES, asked(), "none"),
        (DEEP, asked(x="1"), "none"),
        (DEEP, asked(x="1", y="1"), "deep"),
        (PREFIXES, asked(b"/"), "root"),
        (PREFIXES, asked(b"/a/b"), "a"),
        (PREFIXES, asked(b"/ab"), "a"),
        (PREFIXES, asked(b"/a/bc", y="1"), "ab"),
        (ByValue(X, ((b"a", Leaf("a")),), prefixes=True), asked(x="b"), None),
        (InTurn(()), asked(), None),
        (Leaf("always"), asked(), "always"),
    ],
)
def test_a_tree_leads_where_envoys_does(tree: Tree[str], request_: Request, expected: str | None) -> None:
    assert found(tree, request_) == expected


@given(st.dictionaries(st.text("ab", max_size=4), st.text("xyz", min_size=1), min_size=1), st.text("ab", max_size=6))
def test_the_longest_prefix_wins(keys: dict[str, str], value: str) -> None:
    tree = ByValue(X, tuple((key.encode(), Leaf(key)) for key in keys), prefixes=True)
    assert found(tree, asked(x=value)) == max((key for key in keys if value.startswith(key)), key=len, default=None)


def test_every_leaf_is_found() -> None:
    assert list(LIST.leaves()) == ["one", "p1", "not2", "none"]
    assert list(DEEP.leaves()) == ["deep", "none"]
    assert list(Leaf(1).leaves()) == [1]
    assert list(ByValue(X, ()).leaves()) == list(InTurn(()).leaves()) == []


def test_a_share_of_all_values_is_by_their_hash() -> None:
    test = HashShare(50).test()
    assert "".join(value for value in "abcdef" if test(value.encode())) == "cf"


def test_addresses() -> None:
    test = InNetworks(("10.0.0.0/8", "fd00::/16")).test()
    values = [b"10.1.2.3", b"11.1.2.3", b"fd00::1", b"zz", b"10.1.2.3:80", b""]
    assert [test(value) for value in values] == [True, False, True, False, False, False]
    with pytest.raises(ValueError, match="network"):
        InNetworks(("zz",))


def test_filter_state_can_be_asked_about() -> None:
    test, noted = Asked(StateInput("k"), Exact(b"v")).test(), asked()
    assert test(noted) is False
    noted.notes = Notes(filter_state={"k": "v"})
    assert test(noted) is True


def test_questions_say_what_they_ask() -> None:
    said = [
        Not(x("1")),
        Every((x("1"), Asked(StateInput("k"), Contains(b"v")))),
        Some((Asked(X, InNetworks(("10.0.0.0/8",))), Asked(X, HashShare(1, 10)))),
    ]
    assert list(map(str, said)) == [
        "not (header x is exactly '1')",
        "(header x is exactly '1') and (filter state k contains 'v')",
        "(header x is in 10.0.0.0/8) or (header x hashes into 1 in 10)",
    ]
