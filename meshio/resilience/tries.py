"""Limits of one try over one connection. They begin when it has its connection (Envoy: upstream_request.cc)."""

import asyncio
from dataclasses import dataclass

from meshio.errors import TimedOut, TryIdle, TryTimedOut, UpstreamTooLong
from meshio.message import Request, Response, Send
from meshio.resilience.deadlines import Deadlines
from meshio.resilience.expiry import Fail, Limit, Patience, alternative, watched
from meshio.resilience.hedge import Try


@dataclass(frozen=True, slots=True)
class TryLimits:
    """Seconds; None for no limit.

    timeout   up to the response head, once all of the request is sent (per_try_timeout)
    idle      without a byte, likewise, and in the response (per_try_idle_timeout)
    longest   with the response (the cluster's max_stream_duration)
    hedged    a try that reaches `timeout` goes on beside another one
    status    of the answer to one that reaches `timeout` or `idle`
    """

    timeout: float | None = None
    idle: float | None = None
    longest: float | None = None
    hedged: bool = False
    status: int = 504

    def around(self, send: Send) -> Send:
        """Raises TryTimedOut, TryIdle and UpstreamTooLong; after the response head, its body ends with them."""
        timeout, idle, longest, status = self.timeout, self.idle, self.longest, self.status
        always = (Limit(longest, unending),) if longest else ()

        def quiet(uploaded: bool) -> TimedOut:
            return alternative(TryIdle("a try was idle for too long"), status)

        def slow(uploaded: bool) -> TimedOut:
            return alternative(TryTimedOut(f"no response to this try within {timeout:g} s"), status)

        deadlines = Deadlines(timeout or 0.0)
        later = (Limit(idle, quiet, touched=True),) if idle else ()

        async def limited(request: Request) -> Response:
            loop = asyncio.get_running_loop()
            if timeout is None:
                return await Patience(loop, always, later).exchange(send, request)
            if self.hedged:
                return await self._noting(Patience(loop, always, later), timeout, send, request)
            if always or later or watched(request.body):
                return await Patience(loop, always, (*later, Limit(timeout, slow, head=True))).exchange(send, request)
            return await timely(send, request, deadlines, slow)

        return limited if timeout or idle or longest else send

    async def _noting(self, patience: Patience, timeout: float, send: Send, request: Request) -> Response:
        """Tell who races tries that this one is slow."""
        slow = request.slow if isinstance(request, Try) else None
        if slow is None:
            return await patience.exchange(send, request)
        timer = asyncio.get_running_loop().call_later(timeout, settle, slow)
        try:
            return await patience.exchange(send, request)
        finally:
            timer.cancel()


def settle(slow: asyncio.Future[None]) -> None:
    if not slow.done():
        slow.set_result(None)


async def timely(send: Send, request: Request, deadlines: Deadlines, fail: Fail) -> Response:
    """What most tries need: the whole request is at hand, and only the head has to come in time."""
    route = request.deadline
    if route is not None and route <= asyncio.get_running_loop().time() + deadlines.seconds:
        return await send(request)
    wait = deadlines.begin()
    try:
        return await send(request)
    except BaseException as error:
        if wait.ended(error):
            raise fail(True) from None
        raise
    finally:
        deadlines.end(wait)


def unending(uploaded: bool) -> TimedOut:
    return UpstreamTooLong("the exchange has lasted as long as the cluster lets it", uploaded)


UNLIMITED = TryLimits()
