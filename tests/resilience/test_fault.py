"""Faults on purpose: how many requests they meet, and in which order."""

import asyncio
import random
from time import monotonic

import pytest

from meshio.errors import FaultInjected
from meshio.message import Body, Request, Response
from meshio.resilience.fault import Fault, Fraction

ALL = Fraction(100)


async def fine(request: Request) -> Response:
    return Response(200, [], Body(), request.record)


def asked() -> Request:
    return Request(b"GET", b"reviews", b"/", [])


async def outcome(fault: Fault) -> int:
    try:
        return (await fault.around(fine)(asked())).status
    except FaultInjected as error:
        return error.status


def test_a_fault_without_a_share_does_not_exist() -> None:
    assert Fault(delay=1.0, abort=500).around(fine) is fine
    assert Fault(delay_share=ALL, abort_share=ALL).around(fine) is fine


def test_an_abort_answers_with_its_status() -> None:
    async def main() -> None:
        with pytest.raises(FaultInjected) as caught:
            await Fault(abort=418, abort_share=ALL).around(fine)(asked())
        error = caught.value
        assert (error.status, error.flag, error.body) == (418, "FI", b"fault filter abort")

    asyncio.run(main(), debug=True)


def test_a_delay_comes_before_the_abort() -> None:
    async def main() -> None:
        request, began = asked(), monotonic()
        with pytest.raises(FaultInjected):
            await Fault(0.02, ALL, 500, ALL).around(fine)(request)
        assert monotonic() - began >= 0.019
        assert request.record.flags == ["DI"]

    asyncio.run(main(), debug=True)


@pytest.mark.parametrize(("share", "expected"), [(Fraction(20), 400), (Fraction(200_000, 1_000_000), 400)])
def test_an_abort_meets_its_share_of_the_requests(share: Fraction, expected: int) -> None:
    """2,000 draws of 20 %, 5 standard deviations: fails for one seed in two million."""
    random.seed(7)

    async def main() -> int:
        return sum([await outcome(Fault(abort=500, abort_share=share)) == 500 for _ in range(2_000)])

    assert abs(asyncio.run(main()) - expected) < 90


def test_requests_outside_of_the_share_are_not_delayed() -> None:
    async def main() -> None:
        request = asked()
        await Fault(delay=1e9, delay_share=Fraction(1, 10**18)).around(fine)(request)
        assert request.record.flags == []

    asyncio.run(main(), debug=True)
