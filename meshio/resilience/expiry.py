"""Ends to patience with one exchange: what limits it, from when on, and what its caller hears then."""

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshio.errors import RequestError, TimedOut
from meshio.message import Body, Request, Response, Send

Told: TypeAlias = Callable[[], None]
Fail: TypeAlias = Callable[[bool], TimedOut]
"""Makes the error; is told whether all of the request had been sent."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many seconds, and what is raised when they are over.

    touched   they begin anew with each sign of life
    head      they end with the response head
    """

    seconds: float
    fail: Fail
    touched: bool = False
    head: bool = False


class Uploaded:
    """A request body that tells about each piece that is read, and when all of it was."""

    __slots__ = ("_ended", "_piece", "_source")

    def __init__(self, source: AsyncIterable[bytes], piece: Told, ended: Told) -> None:
        self._source = aiter(source)
        self._piece = piece
        self._ended = ended

    def __aiter__(self) -> "Uploaded":
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._source)
        except StopAsyncIteration:
            self._ended()
            raise
        self._piece()
        return chunk

    async def aclose(self) -> None:
        """Let go of the source."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class Patience:
    """Limits of one exchange: some run from its beginning, others from the end of the request, which `tell` is told.

    Up to the response head it is the exchange that ends, afterwards the response's body.
    """

    __slots__ = ("_body", "_due", "_later", "_loop", "_running", "_scope", "_tell", "_timer", "_uploaded")

    def __init__(
        self, loop: AbstractEventLoop, at_once: tuple[Limit, ...], later: tuple[Limit, ...], tell: Told | None = None
    ) -> None:
        self._loop = loop
        self._later = later
        self._tell = tell
        self._uploaded = False
        self._scope: asyncio.Timeout | None = asyncio.timeout(None)
        self._body: Body | None = None
        self._timer: TimerHandle | None = None
        now = loop.time()
        self._running = [(now + limit.seconds, limit) for limit in at_once]
        self._due: Limit | None = None

    async def exchange(self, send: Send, request: Request) -> Response:
        """Send within the limits. Raises what the limit says that was reached first."""
        body, scope = request.body, self._scope
        assert scope is not None
        try:
            async with scope:
                if watched(body):
                    request.body = Uploaded(body, self.touch, self.uploaded)  # type: ignore[arg-type]
                    self._schedule()
                else:
                    self.uploaded()
                response = await send(request)
        except TimeoutError:
            if not scope.expired() or self._due is None:
                raise
            raise self._due.fail(self._uploaded) from None
        finally:
            request.body, self._scope = body, None
        if not response.body.complete:
            self._follow(response.body)
        return response

    def uploaded(self) -> None:
        """All of the request has been read."""
        if self._uploaded:
            return
        self._uploaded = True
        if self._tell is not None:
            self._tell()
        now = self._loop.time()
        self._running += [(now + limit.seconds, limit) for limit in self._later if not limit.head or self._body is None]
        self.touch()

    def touch(self) -> None:
        """A sign of life."""
        now = self._loop.time()
        self._running = [(now + limit.seconds if limit.touched else due, limit) for due, limit in self._running]
        self._schedule()

    def _follow(self, body: Body) -> None:
        self._body = body
        self._running = [(due, limit) for due, limit in self._running if not limit.head]
        body.when_done(self._done)
        body.when_fed(self.touch)
        self.touch()

    def _schedule(self) -> None:
        """Set the one timer to what ends first."""
        if not self._running:
            return
        when, self._due = min(self._running, key=lambda running: running[0])
        if self._scope is not None:
            if not self._scope.expired():
                self._scope.reschedule(when)
        elif self._body is not None and not self._body.complete:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._cut)

    def _cut(self) -> None:
        if self._body is not None and self._due is not None:
            self._body.abort(self._due.fail(self._uploaded))

    def _done(self, ended: RequestError | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._body = None


def alternative(error: TimedOut, status: int) -> TimedOut:
    """The error, or what `x-envoy-upstream-rq-timeout-alt-response` asks for in its place."""
    if status != TimedOut.status:
        error.status, error.body = status, b""
    return error


def watched(body: object) -> bool:
    """Whether it can be seen when all of the body has been read."""
    return not isinstance(body, bytes) and not getattr(body, "unseen", False)
