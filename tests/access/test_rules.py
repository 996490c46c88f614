"""Access rules: who may do what, as far as a client can ask. What Envoy does with each is in tests/parity."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.access.rules import Access, Policy, Rules
from meshio.access.term import All, AnyOf, Anything, Direct, Not, Port, Remote, Term, UrlPath
from meshio.errors import Denied
from meshio.matching import Prefix
from meshio.message import Body, Headers, Request, Response
from meshio.resilience.site import Site

ANYONE = (Anything(),)


async def fine(request: Request) -> Response:
    return Response(200, [], Body(), request.record)


def asked(path: bytes = b"/", headers: Headers | None = None, port: int = 80) -> Request:
    return Request(b"GET", b"a", path, headers or [], port=port)


def test_without_rules_nothing_is_there() -> None:
    assert Access().around(fine) is fine
    assert Access(Rules("log", (Policy("p", ANYONE, ANYONE),))).around(fine) is fine


def test_a_refusal_says_which_policy_matched_without_spaces() -> None:
    rules = Rules("deny", (Policy("my policy", (UrlPath(Prefix(b"/a")),), ANYONE),))
    send = Access(rules).around(fine)
    assert asyncio.run(send(asked(b"/b"))).status == 200
    with pytest.raises(Denied) as caught:
        asyncio.run(send(asked(b"/a?x")))
    assert (caught.value.status, caught.value.body) == (403, b"RBAC: access denied")
    assert caught.value.details == "rbac_access_denied_matched_policy[my_policy]"


def test_the_caller_is_the_instance() -> None:
    rules = Rules("allow", (Policy("p", ANYONE, (Direct("10.0.0.0/8"),)),))
    inside, outside = (Access(rules).settled([], Site(address=each)) for each in ("10.1.2.3", "11.1.2.3"))
    assert asyncio.run(inside.around(fine)(asked())).status == 200
    with pytest.raises(Denied):
        asyncio.run(outside.around(fine)(asked()))


@pytest.mark.parametrize(
    ("forwarded", "inside"),
    [
        ([], False),
        (["10.0.0.1"], True),
        (["10.0.0.1", "11.0.0.1"], False),
        (["11.0.0.1, 10.0.0.1"], True),
        (["x"], False),
    ],
)
def test_the_last_address_that_it_was_forwarded_for_counts(forwarded: list[str], inside: bool) -> None:
    test = Remote("10.0.0.0/8").against("192.168.0.1")
    assert test(asked(headers=[(b"x-forwarded-for", each.encode()) for each in forwarded])) is inside


def test_a_port_is_the_request_s() -> None:
    test = Port(range(80, 90)).against("")
    assert [test(asked(port=port)) for port in (79, 80, 89, 90)] == [False, True, True, False]


TERMS: st.SearchStrategy[Term] = st.recursive(
    st.just(Anything()) | st.sampled_from([UrlPath(Prefix(b"/a")), UrlPath(Prefix(b"/b"))]),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@given(st.lists(TERMS, min_size=1, max_size=3).map(tuple), st.sampled_from([b"/a", b"/b", b"/c"]))
def test_all_and_any_are_each_other_s_opposite(terms: tuple[Term, ...], path: bytes) -> None:
    request = asked(path)
    negated = tuple(Not(term) for term in terms)
    assert All(terms).against("")(request) is not AnyOf(negated).against("")(request)
    assert Not(Not(terms[0])).against("")(request) is terms[0].against("")(request)
