"""Filters that only some requests pass through. What Envoy does is in the parity cases (filters_conditional)."""

import asyncio

from meshio.matching.inputs import AddressInput, HeaderInput
from meshio.matching.tree import Asked, ByValue, InNetworks, InTurn, Leaf
from meshio.message import Body, Request, Response
from meshio.resilience.buffering import Buffer
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.site import Site
from meshio.routing.conditional import NOBODY, Conditional, Skipping

ABORT = Fault(abort=418, abort_share=Fraction(100))
SKIP = ByValue(HeaderInput(b"x-a"), ((b"skip", Leaf(None)),))
FAR: InTurn[None] = InTurn(((Asked(AddressInput(), InNetworks(("10.0.0.0/8",))), Leaf(None)),))


async def behind(request: Request) -> Response:
    return Response(200, [], Body())


def passes(layer: Conditional, said: bytes, address: str = "127.0.0.1", levels: tuple[object, ...] = ()) -> bool:
    async def sending() -> bool:
        settled = layer.settled(levels, Site(address=address))  # type: ignore[arg-type]
        try:
            await settled.around(behind)(Request(b"GET", b"svc", b"/", [(b"x-a", said)]))
        except Exception as error:  # noqa: BLE001  (whatever the filter raises, it has been in the way)
            assert "fault" in str(error)
            return False
        return True

    return asyncio.run(sending())


def test_who_the_tree_leads_to_an_end_for_skips_the_filter() -> None:
    layer = Conditional(ABORT, SKIP)
    assert passes(layer, b"skip")
    assert not passes(layer, b"run")


def test_without_a_tree_nobody_comes_through_the_filter() -> None:
    assert Conditional(ABORT, None).around(behind) is behind
    assert Conditional(Buffer()).around(behind) is behind


def test_the_most_specific_level_counts_for_tree_and_filter() -> None:
    layer = Conditional(ABORT, SKIP)
    assert not passes(layer, b"skip", levels=(Skipping(NOBODY), Skipping(SKIP)))
    assert passes(layer, b"run", levels=(Fault(),))
    assert not passes(layer, b"run", levels=(Buffer(),))


def test_the_tree_knows_where_it_is() -> None:
    layer = Conditional(ABORT, FAR)
    assert passes(layer, b"", "10.1.2.3")
    assert not passes(layer, b"", "127.0.0.1")
