"""Which filters are on the way of a route, and as what. What Envoy does is in tests/parity: filters_overrides."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import FaultInjected, RequestError
from meshio.mesh.forward import layered
from meshio.message import Body, Request, Response
from meshio.resilience.buffering import Buffer
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.site import Site
from meshio.routing.alteration import Alteration, Alterations
from meshio.routing.cors import Cors
from meshio.routing.filters import Filter, Override, Overrides, settle
from meshio.routing.local_reply import local_reply
from meshio.routing.mutation import HeaderValue
from meshio.routing.rate_limit import LocalRateLimit

SITE = Site(True, "a", "r")
ALL = Fraction(100)


async def fine(request: Request) -> Response:
    return Response(200, [], Body(), request.record)


def asked() -> Request:
    return Request(b"GET", b"a", b"/", [])


def test_filters_that_say_nothing_cost_nothing() -> None:
    usual = (Filter("fault", Fault()), Filter("cors", Cors()), Filter("limit", LocalRateLimit()), Filter("router"))
    assert layered(fine, settle(usual, (), SITE)) is fine


def test_what_is_meant_for_another_kind_of_filter_counts_for_nothing() -> None:
    filters = (Filter("f", Buffer(7)),)
    assert settle(filters, ((Override("f", Fault()),),), SITE) == (Buffer(7),)


def test_levels_of_one_filter_do_not_touch_another() -> None:
    filters = (Filter("one", Buffer(1)), Filter("two", Buffer(2), disabled=True), Filter("three", Buffer(3)))
    route: Overrides = (Override("three", disabled=True), Override("two", Buffer(20)))
    assert settle(filters, (route,), SITE) == (Buffer(1), Buffer(20))


LEVEL = st.none() | st.builds(Override, st.just("f"), st.builds(Buffer, st.integers(1, 9)), st.just(False))
LEVELS = st.lists(LEVEL | st.just(Override("f", disabled=True)), min_size=4, max_size=4)


@given(st.booleans(), LEVELS)
def test_the_most_specific_level_that_speaks_decides(disabled: bool, said: list[Override | None]) -> None:
    levels = [() if each is None else (each,) for each in said]
    spoken = [each for each in said if each is not None]
    there = not (spoken[0].disabled if spoken else disabled)
    limits = [each.layer for each in spoken if each.layer is not None]
    expected = ((limits[0] if limits else Buffer(100)),) if there else ()
    assert settle((Filter("f", Buffer(100), disabled),), levels, SITE) == expected


def answer_of(*filters: Filter) -> list[str]:
    """What the alterations leave in `x` of the answer, whoever gives it."""
    request = asked()

    async def main() -> Response:
        return await layered(fine, settle(filters, (), SITE))(request)

    try:
        response = asyncio.run(main())
    except RequestError as error:
        response = local_reply(error, request)
    return [value.decode() for name, value in response.headers if name == b"x"]


def adding(value: str) -> Filter:
    return Filter(value, Alteration((Alterations(response=(HeaderValue("x", value),)),)))


ABORT = Filter("f", Fault(abort=500, abort_share=ALL))


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ((adding("1"), adding("2")), ["2", "1"]),
        ((ABORT, adding("1"), adding("2")), ["2", "1"]),
        ((adding("1"), ABORT, adding("2")), ["2", "1"]),
        ((adding("1"), adding("2"), ABORT), ["2", "1"]),
        ((adding("1"), ABORT), ["1"]),
    ],
)
def test_answers_pass_all_alterations_from_the_last_to_the_first(filters: tuple[Filter, ...], told: list[str]) -> None:
    assert answer_of(*filters) == told


def test_an_abort_is_an_error_of_its_own_kind() -> None:
    with pytest.raises(FaultInjected):
        asyncio.run(layered(fine, settle((ABORT,), (), SITE))(asked()))
