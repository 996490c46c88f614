"""How long a stream may last, and how long it may be silent: the connection manager's limits and the route's.

Envoy: conn_manager_impl.cc, `resetIdleTimer` and `refreshDurationTimeout`. The stream is what the application sees:
filters, every retry, and both bodies.
"""

import asyncio
from dataclasses import dataclass

from meshio.errors import StreamIdle, StreamTooLong, TimedOut
from meshio.message import Request, Response, Send
from meshio.resilience.expiry import Limit, Patience, watched
from meshio.resilience.grpc_timeout import GRPC_TIMEOUT, given_timeout, write_timeout


@dataclass(frozen=True, slots=True)
class StreamDuration:
    """What a route says about the duration of its streams; seconds, and None where it says nothing.

    longest                    0 for no limit, None for the listener's
    header_max, header_offset  a caller's `grpc-timeout` counts instead, up to so much (0: whatever it is), less so much
    """

    longest: float | None = None
    header_max: float | None = None
    header_offset: float = 0.0

    def asked(self, given: int | None, otherwise: float | None) -> float | None:
        """Seconds for a request whose caller gives so many milliseconds; None for no limit."""
        if given is None or self.header_max is None:
            longest = otherwise if self.longest is None else self.longest
            return longest or None
        time, offset, most = given, int(1000 * self.header_offset), int(1000 * self.header_max)
        if most and time > most:
            time = most
        return max(0, time - offset) / 1000


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Seconds; None for no limit.

    idle      without a byte either way
    longest   from the beginning to the end of the response
    patience  what the route's own timeout is, after all of the request is sent
    """

    idle: float | None = None
    longest: float | None = None
    patience: float | None = None

    def around(self, send: Send) -> Send:
        """Raises StreamIdle and StreamTooLong before the response head; later whoever reads the body gets them."""
        at_once = self.limits()
        if not at_once:
            return send
        covered = self.longest is None and self.patience is not None and self.patience <= (self.idle or 0.0)

        async def limited(request: Request) -> Response:
            if covered and not watched(request.body):
                return await send(request)  # the route's timeout ends it before it can be idle for so long
            return await Patience(asyncio.get_running_loop(), at_once, ()).exchange(send, request)

        return limited

    def limits(self) -> tuple[Limit, ...]:
        idle = (Limit(self.idle, silent, touched=True),) if self.idle else ()
        return idle if self.longest is None else (*idle, Limit(self.longest, endless))


@dataclass(frozen=True, slots=True)
class AskedDuration:
    """Stream limits for requests that may say how long they want to wait (`grpc-timeout`).

    grpc   they are gRPC's: the upstream is told what holds
    """

    limits: StreamLimits
    duration: StreamDuration
    grpc: bool = False

    def around(self, send: Send) -> Send:
        """As `StreamLimits` does."""

        async def limited(request: Request) -> Response:
            longest = self.duration.asked(given_timeout(request), self.limits.longest)
            if longest is not None and self.grpc:
                kept = [header for header in request.headers if header[0] != GRPC_TIMEOUT]
                request.headers = [*kept, (GRPC_TIMEOUT, write_timeout(round(1000 * longest)))]
            limits = StreamLimits(self.limits.idle, longest, self.limits.patience)
            return await limits.around(send)(request)

        return limited


NO_LIMITS = StreamLimits()


def silent(uploaded: bool) -> TimedOut:
    return StreamIdle("nothing was sent or received for too long", uploaded)


def endless(uploaded: bool) -> TimedOut:
    return StreamTooLong("the stream has lasted as long as it may", uploaded)
