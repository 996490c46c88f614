"""Delay, abort and slowness on purpose (Envoy: `envoy.filters.http.fault`, fault_filter.cc, fault_config.cc)."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import random
from typing import TypeAlias

from meshio.errors import FaultInjected
from meshio.message import Layer, Private, Request, Response, Send
from meshio.resilience.gauge import Gauge
from meshio.resilience.question import Question
from meshio.resilience.site import Site
from meshio.resilience.throttle import Throttled

NODE = b"x-envoy-downstream-service-node"
DELAY, DELAY_SHARE = b"x-envoy-fault-delay-request", b"x-envoy-fault-delay-request-percentage"
ABORT, ABORT_GRPC = b"x-envoy-fault-abort-request", b"x-envoy-fault-abort-grpc-request"
ABORT_SHARE = b"x-envoy-fault-abort-request-percentage"
RATE, RATE_SHARE = b"x-envoy-fault-throughput-response", b"x-envoy-fault-throughput-response-percentage"
WHOLE = re.compile(rb"[ \t\n\v\f\r]*\+?([0-9]+)[ \t\n\v\f\r]*")
LONGEST = 366 * 86_400.0  # seconds: a header may ask for more than an event loop can wait

Seconds: TypeAlias = Callable[[Request], float]
Abortion: TypeAlias = Callable[[Request], FaultInjected | None]
Rate: TypeAlias = Callable[[Request], int]


@dataclass(frozen=True, slots=True)
class Fraction:
    """`numerator` out of `denominator` (100, 10_000 or 1_000_000), Envoy's FractionalPercent."""

    numerator: int
    denominator: int = 100

    def draw(self) -> bool:
        """Whether this time is one of them."""
        return int(random() * self.denominator) < self.numerator


NONE = Fraction(0)


@dataclass(frozen=True, slots=True)
class Fault:
    """Up to three faults, each for a share of the requests: a delay, then an abort, and a slow response.

    delay             seconds
    abort, grpc_abort HTTP status or gRPC status
    rate              KiB of response body per second
    *_asked           the request says it, in `x-envoy-fault-...` headers, which may also lower the share
    cluster           only requests to this cluster; "" for all
    headers           only requests that match all of these
    nodes             only requests that name one of these in x-envoy-downstream-service-node; none for all
    most              requests under a fault at the same time, in all routes of the listener; more pass unharmed
    """

    delay: float | None = None
    delay_share: Fraction = NONE
    abort: int | None = None
    abort_share: Fraction = NONE
    grpc_abort: int | None = None
    rate: int | None = None
    rate_share: Fraction = NONE
    delay_asked: bool = False
    abort_asked: bool = False
    rate_asked: bool = False
    cluster: str = ""
    headers: tuple[Question, ...] = ()
    nodes: frozenset[str] = frozenset()
    most: int | None = None
    active: Gauge = field(default_factory=Gauge, compare=False, repr=False)

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """The most specific level counts; how many are under a fault is counted for the listener."""
        own = levels[0] if levels else self
        assert isinstance(own, Fault)
        if own.cluster and own.cluster != site.cluster:
            return Fault()
        return replace(own, active=self.active)

    def around(self, send: Send) -> Send:
        """The delay comes before the route's timeout begins. Raises FaultInjected for an abort."""
        delay, abort, rate = self._delaying(), self._aborting(), self._slowing()
        if delay is None and abort is None and rate is None:
            return send
        applies, active, most = self._applying(), self.active, self.most

        async def faulty(request: Request) -> Response:
            if (most is not None and active.count >= most) or not applies(request):
                return await send(request)
            speed = rate(request) if rate is not None else 0
            seconds = delay(request) if delay is not None else 0.0
            if not speed and not seconds:
                error = abort(request) if abort is not None else None
                if error is not None:
                    raise error
                return await send(request)
            active.enter()
            try:
                response = await self._harmed(request, seconds, abort, send)
            except BaseException:
                active.leave()
                raise
            if speed and not isinstance(response.body, Private):
                response.body = Throttled(response.body, speed)
            active.leave_with(response.body)
            return response

        return faulty

    async def _harmed(self, request: Request, seconds: float, abort: Abortion | None, send: Send) -> Response:
        if seconds:
            request.record.flags.append("DI")
            await asyncio.sleep(seconds)
        error = abort(request) if abort is not None else None
        if error is not None:
            raise error
        return await send(request)

    def _applying(self) -> Callable[[Request], bool]:
        tests = [matcher.test() for matcher in self.headers]
        nodes = {node.encode() for node in self.nodes}

        def applies(request: Request) -> bool:
            return (not nodes or request.header(NODE) in nodes) and all(test(request) for test in tests)

        return applies

    def _delaying(self) -> Seconds | None:
        """Seconds of delay; 0 for none."""
        if self.delay_asked and self.delay_share.numerator:
            drawn = sharing(self.delay_share, DELAY_SHARE)
            return lambda request: min((asked(request, DELAY) or 0) / 1000, LONGEST) if drawn(request) else 0.0
        seconds, share = self.delay or 0.0, self.delay_share
        if not seconds or not share.numerator:
            return None
        return lambda request: seconds if share.draw() else 0.0

    def _aborting(self) -> Abortion | None:
        if not self.abort_share.numerator:
            return None
        if self.abort_asked:
            drawn = sharing(self.abort_share, ABORT_SHARE)
            return lambda request: asked_abort(request) if drawn(request) else None
        status, grpc, share = self.abort, self.grpc_abort, self.abort_share
        if status is None and grpc is None:
            return None
        return lambda request: FaultInjected(status or 200, grpc) if share.draw() else None

    def _slowing(self) -> Rate | None:
        """KiB per second; 0 for as fast as it comes."""
        if not self.rate_share.numerator:
            return None
        if self.rate_asked:
            drawn = sharing(self.rate_share, RATE_SHARE)
            return lambda request: asked(request, RATE) or 0 if drawn(request) else 0
        rate, share = self.rate or 0, self.rate_share
        return (lambda request: rate if share.draw() else 0) if rate else None


def asked(request: Request, name: bytes, limit: int = 2**64) -> int | None:
    """What a header asks for: the number in its first value, or None (absl::SimpleAtoi)."""
    found = WHOLE.fullmatch(request.header(name) or b"")
    if found is None or len(found[1].lstrip(b"0")) > 20:
        return None
    value = int(found[1])
    return value if value < limit else None


def asked_abort(request: Request) -> FaultInjected | None:
    """By HTTP status if there is a good one, else by gRPC status."""
    status = asked(request, ABORT)
    if status is not None and 200 <= status < 600:
        return FaultInjected(status)
    grpc = asked(request, ABORT_GRPC)
    return FaultInjected(200, grpc) if grpc is not None else None


def sharing(share: Fraction, name: bytes) -> Callable[[Request], bool]:
    """The share, or a smaller one that the request asks for."""

    def drawn(request: Request) -> bool:
        wanted = asked(request, name, 2**32)
        if wanted is None:
            return share.draw()
        return Fraction(min(wanted, share.numerator), share.denominator).draw()

    return drawn
