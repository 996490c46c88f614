"""Delay and abort on purpose (Envoy: `envoy.filters.http.fault`, fault_filter.cc)."""

import asyncio
from dataclasses import dataclass
from random import random

from meshio.errors import FaultInjected
from meshio.message import Request, Response, Send


@dataclass(frozen=True, slots=True)
class Fraction:
    """`numerator` out of `denominator` (100, 10_000 or 1_000_000), Envoy's FractionalPercent."""

    numerator: int
    denominator: int = 100

    def draw(self) -> bool:
        """Whether this time is one of them."""
        return int(random() * self.denominator) < self.numerator


@dataclass(frozen=True, slots=True)
class Fault:
    """A delay (seconds), an abort (HTTP status), each for a share of the requests. Delay comes first."""

    delay: float | None = None
    delay_share: Fraction = Fraction(0)
    abort: int | None = None
    abort_share: Fraction = Fraction(0)

    def around(self, send: Send) -> Send:
        """The delay comes before the route's timeout begins. Raises FaultInjected for an abort."""
        if self.abort is not None and self.abort_share.numerator:
            send = aborting(send, self.abort, self.abort_share)
        if self.delay is not None and self.delay_share.numerator:
            send = delaying(send, self.delay, self.delay_share)
        return send


def aborting(send: Send, status: int, share: Fraction) -> Send:
    async def abort(request: Request) -> Response:
        if share.draw():
            raise FaultInjected(status)
        return await send(request)

    return abort


def delaying(send: Send, seconds: float, share: Fraction) -> Send:
    async def delay(request: Request) -> Response:
        if share.draw():
            request.record.flags.append("DI")
            await asyncio.sleep(seconds)
        return await send(request)

    return delay
