"""One try of one request at one host."""

from asyncio import CancelledError, Future, get_running_loop
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Protocol, TypeAlias

from meshio.errors import ConnectFailed, NoHealthyHost, Overloaded, RequestError, ResetError, TimedOut, Unbuilt
from meshio.mesh.manner import Attempt, Manner
from meshio.message import Header, Request, Response, Send
from meshio.record import Record
from meshio.resilience.hedge import Try
from meshio.resilience.outlier import ANSWERED, BROKEN, LATE, UNCONNECTED, Origin
from meshio.resilience.retry_on import Outcome
from meshio.resilience.tries import UNLIMITED
from meshio.routing.outward import outward
from meshio.routing.rewrite import rehost
from meshio.upstream.host import Host
from meshio.upstream.picky import Admit, picky_admission
from meshio.upstream.session import session_admission
from meshio.upstream.upstream import NO_OUTCOME, Upstream

Renew: TypeAlias = Callable[[Host], None]
SERVICE_TIME = b"x-envoy-upstream-service-time"
TICK = 0.001  # seconds by which a loop's timer may be ahead of the clock


class Line(Protocol):
    """What an exchange needs of a connection."""

    def send(self, request: Request) -> Awaitable[Response]:
        """One exchange; the response is there at its head."""

    def abandon(self, request: Request) -> None:
        """Nobody waits for the response any more."""


class Lines(Protocol):
    """Where connections come from: the mesh's `Pools`, or those of a library that brings its own."""

    def idle(self, host: Host, request: Request) -> Line | None:
        """A connection that is ready at once, or None."""

    async def connect(self, upstream: Upstream, host: Host, request: Request) -> Line:
        """A connection, as soon as there is one. Raises RequestError."""

    def renew(self, host: Host) -> None:
        """The host was ejected: let its connections go."""

    def high(self) -> "Lines":
        """Those for requests of high priority."""


def attempts(lines: Lines) -> Attempt:
    """How the mesh tries a host: over these connections."""

    def how(upstream: Upstream, manner: Manner) -> Send:
        own = lines.high() if manner.high else lines
        if manner.filters:
            own = Wrapped(own, partial(outward, layers=manner.filters))
        if manner.limits != UNLIMITED:
            own = Wrapped(own, manner.limits.around)
        return attempt(upstream, own, manner)

    return how


class Wrapped:
    """Connections on which every exchange is within something: its filters, its limits."""

    __slots__ = ("_lines", "_wrap", "high", "renew")

    def __init__(self, lines: Lines, wrap: Callable[[Send], Send]) -> None:
        self._lines = lines
        self._wrap = wrap
        self.high, self.renew = lines.high, lines.renew

    def idle(self, host: Host, request: Request) -> Line | None:
        line = self._lines.idle(host, request)
        return WrappedLine(self._wrap, line) if line is not None else None

    async def connect(self, upstream: Upstream, host: Host, request: Request) -> Line:
        return WrappedLine(self._wrap, await self._lines.connect(upstream, host, request))


class WrappedLine:
    """A connection for one exchange, within that."""

    __slots__ = ("abandon", "send")

    def __init__(self, wrap: Callable[[Send], Send], line: Line) -> None:
        self.send = wrap(line.send)
        self.abandon = line.abandon


def attempt(upstream: Upstream, lines: Lines, manner: Manner) -> Send:
    """Pick a host, send, say how it went: most bodies have ended when the head arrives.

    What follows a try (`manner.turn`) is asked from here, which spares the way of every request a coroutine.
    """
    admit, settle = admission(upstream, manner), upstream.settle
    idle, connect, renew = lines.idle, lines.connect, lines.renew
    fail, follow = failing(upstream, renew), following(upstream, renew)
    avoid, rename, forwards = manner.avoid, manner.endpoint_host, manner.forwards_host
    verdict, tells = manner.verdict, not manner.silent
    turn = manner.turn(attempt(upstream, lines, replace(manner, turn=None))) if manner.turn is not None else None
    retriable = turn.retriable if turn is not None else None

    async def send(request: Request) -> Response:
        if turn is not None and request.body != b"":
            turn.prepare(request)
        record = request.record
        record.cluster = upstream.name
        try:
            host = admit(request, avoid)
        except Unbuilt:
            host = await admitted(upstream, admit, request, avoid)
        record.attempts += 1
        record.endpoint = host.name
        if rename and host.endpoint.hostname:
            rehost(request, host.endpoint.hostname.encode(), forwards)
        began = monotonic()
        connection = idle(host, request)
        outcome: Outcome
        try:
            if connection is None:
                connection = await connect(host.home or upstream, host, request)
            response = await connection.send(request)
        except BaseException as error:
            fail(request, host, connection, error, began)
            if turn is None or not isinstance(error, RequestError):
                raise
            outcome = error
        else:
            now, status = monotonic(), response.status
            if upstream.reports is not None:
                upstream.reports.take(host, response.headers, now)
            if tells:
                spent = int((now - began) * 1000)
                response.headers.append(TIMES[spent] if spent < len(TIMES) else service_time(spent))
            if verdict is not None and status != NO_OUTCOME:
                status = verdict(response)
            record.details = "via_upstream"
            if response.data is not None or response.body.complete:
                if settle(host, status, ANSWERED, now - began, now):
                    renew(host)
            else:
                follow(host, response, status, began, now)
            if retriable is None or not retriable(response):
                return response
            outcome = response
        assert turn is not None
        return await turn.follow(request, outcome)

    return send


def admission(upstream: Upstream, manner: Manner) -> Admit:
    """How a host is found."""
    admit = upstream.admit if not manner.session else session_admission(upstream)
    return admit if manner.picky is None else picky_admission(upstream, admit, manner.picky)


def failing(upstream: Upstream, renew: Renew) -> Callable[[Request, Host, Line | None, BaseException, float], None]:
    """What becomes of an exchange that has no answer."""

    def fail(request: Request, host: Host, line: Line | None, error: BaseException, began: float) -> None:
        if line is not None:
            line.abandon(request)
        now = monotonic()
        status, origin = blame(error, request, now, line)
        if upstream.settle(host, status, origin, now - began, now):
            renew(host)

    return fail


async def admitted(upstream: Upstream, admit: Admit, request: Request, avoid: int) -> Host:
    """Admit a request once the cluster's table is there: the first ones find it being built."""
    while True:
        changed = get_running_loop().create_future()
        awaken = partial(resolve, changed)
        upstream.follow(awaken)
        try:
            await changed
        finally:
            upstream.unfollow(awaken)
        with suppress(Unbuilt):
            return admit(request, avoid)


def resolve(changed: Future[None]) -> None:
    if not changed.done():
        changed.set_result(None)


def service_time(milliseconds: int) -> Header:
    """What Envoy adds to a response: how long the upstream took."""
    return SERVICE_TIME, b"%d" % milliseconds


TIMES = tuple(map(service_time, range(100)))


def following(upstream: Upstream, renew: Renew) -> Callable[[Host, Response, int, float, float], None]:
    """The head is there, the body is not: its status counts, the rest when the body has ended."""

    def follow(host: Host, response: Response, status: int, began: float, now: float) -> None:
        if status != NO_OUTCOME and upstream.observe(host, status, ANSWERED, now):
            renew(host)
        ending = counted_out if response.status == NO_OUTCOME else left
        response.body.when_done(ending(upstream, host, response, began, renew))

    return follow


def counted_out(
    upstream: Upstream, host: Host, response: Response, began: float, renew: Renew
) -> Callable[[RequestError | None], None]:
    """For an exchange that others parse: its status becomes known on the way."""

    def done(error: RequestError | None) -> None:
        now = monotonic()
        if error is not None:
            broken_off(response.record, error)
        status, kind = (error.status, BROKEN) if error else (response.status, ANSWERED)
        if upstream.settle(host, status, kind, now - began, now):
            renew(host)

    return done


def left(
    upstream: Upstream, host: Host, response: Response, began: float, renew: Renew
) -> Callable[[RequestError | None], None]:
    """The status has been observed; a body that breaks off is one more failure, one that takes too long is none."""
    status, record = response.status, response.record

    def done(error: RequestError | None) -> None:
        now = monotonic()
        if error is not None:
            broken_off(record, error)
        broken = isinstance(error, ResetError)
        host.failures += broken or status >= 500
        upstream.leave(host, now - began, now)
        if broken and upstream.observe(host, ResetError.status, LATE, now):
            renew(host)

    return done


def broken_off(record: Record, error: RequestError) -> None:
    """The response had begun: its record says how it ended (Envoy: router.cc, onUpstreamReset)."""
    if error.flag not in ("-", *record.flags):
        record.flags.append(error.flag)
    record.details = error.details.replace("before_response_started", "after_response_started")


def blame(error: BaseException, request: Request, now: float, connection: Line | None) -> tuple[int, Origin]:
    """The status that a failure counts for at the host; NO_OUTCOME where it says nothing about the host.

    A cancellation after the deadline is a timeout (router.cc counts it as 504 against the host that it has a
    connection to); any other one is the caller's. An open circuit breaker is the cluster's matter, not the host's.
    """
    kind = UNCONNECTED if connection is None or isinstance(error, ConnectFailed) else BROKEN
    if isinstance(error, RequestError):
        return NO_OUTCOME if isinstance(error, Overloaded | NoHealthyHost) else error.status, kind
    if isinstance(error, CancelledError) and isinstance(request, Try) and request.slow.done():
        return TimedOut.status, kind  # others went on without it: Envoy counts it as soon as it is slow
    late = isinstance(error, CancelledError) and request.deadline is not None and now >= request.deadline - TICK
    return TimedOut.status if late and connection is not None else NO_OUTCOME, kind
