"""The time that a gRPC caller gives: the `grpc-timeout` header. Envoy: grpc/common.cc, router.cc `finalTimeout`."""

import re
from dataclasses import dataclass

from meshio.message import Request, Response, Send
from meshio.resilience.timeout import Timeout

GRPC_TIMEOUT, EXPECTED = b"grpc-timeout", b"x-envoy-expected-rq-timeout-ms"
WRITTEN = re.compile(rb"([0-9]{1,8}) *([HMSmun])")
MICROSECONDS = {b"H": 3_600_000_000, b"M": 60_000_000, b"S": 1_000_000, b"m": 1_000, b"u": 1}
MOST = 99_999_999


def read_timeout(value: bytes | None) -> int | None:
    """Milliseconds, rounded up; None for what is missing or nonsense."""
    written = WRITTEN.fullmatch(value) if value is not None else None
    if written is None:
        return None
    number, unit = int(written[1]), written[2]
    if unit == b"n":
        return -(-number // 1_000_000)
    return -(-number * MICROSECONDS[unit] // 1_000)


def write_timeout(milliseconds: int) -> bytes:
    """At most eight digits, in the smallest unit that has room."""
    if milliseconds <= MOST:
        return b"%dm" % milliseconds
    time = milliseconds // 1000
    for unit in (b"S", b"M"):
        if time <= MOST:
            return b"%d%b" % (time, unit)
        time //= 60
    return b"%dH" % min(time, MOST)


def given_timeout(request: Request) -> int | None:
    """What this request's caller gives, in milliseconds."""
    return read_timeout(request.header(GRPC_TIMEOUT))


def tell(request: Request, milliseconds: int) -> None:
    """Tell the upstream both ways how long somebody will wait."""
    told = ((EXPECTED, b"%d" % milliseconds), (GRPC_TIMEOUT, write_timeout(milliseconds)))
    kept = [header for header in request.headers if header[0] not in (EXPECTED, GRPC_TIMEOUT)]
    request.headers = [*kept, *told]


@dataclass(frozen=True, slots=True)
class GrpcTimeout:
    """A route's timeout for gRPC requests: what the caller says.

    most     seconds that it may say at most; 0 for no limit
    offset   seconds that are taken off it, if that leaves any
    each     seconds of one try, where those are known and fewer
    status   see `Timeout`
    """

    most: float = 0.0
    offset: float = 0.0
    each: float | None = None
    status: int = 504

    def around(self, send: Send) -> Send:
        """Raises TimedOut as `Timeout` does."""
        each = round(1000 * (self.each or 0.0))

        async def timed(request: Request) -> Response:
            whole = self.milliseconds(given_timeout(request))
            expected = min(each, whole) if each and whole else each or whole
            if expected:
                tell(request, expected)
            if not whole:
                return await send(request)
            return await Timeout(whole / 1000, self.status).around(send)(request)

        return timed

    def milliseconds(self, given: int | None) -> int:
        """How long the whole request may take; 0 for no limit."""
        time, offset, most = given or 0, int(1000 * self.offset), int(1000 * self.most)
        if 0 < offset < time:
            time -= offset
        return most if most and (not time or time > most) else time
