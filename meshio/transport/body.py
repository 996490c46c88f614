"""Response bodies that still arrive, with flow control."""

from asyncio import AbstractEventLoop, CancelledError, Future
from collections import deque
from collections.abc import AsyncIterator, Callable
from sys import maxsize
from typing import Protocol

from meshio.errors import RequestError
from meshio.message import Body, Done, Headers
from meshio.transport.flow import PIECE

# Bytes that wait for a reader before the connection stops reading. With them, what the head came with (uvloop hands
# over up to 256 KB at a time) and what the reader holds, less than 512 KB are alive: see `flow`.
HIGH_WATER = 128 * 1024
LOW_WATER = 32 * 1024


class Faucet(Protocol):
    """Where a stream's bytes come from: a connection."""

    def pause(self) -> None:
        """Read no more from the socket."""

    def resume(self) -> None:
        """Read on."""

    def abort(self) -> None:
        """Nobody wants the rest: end the connection."""


class Stream(Body):
    """A body that still arrives; `feed`, `finish` and `fail` are the connection's side.

    What arrived before a failure is handed out before the failure is. One task reads at a time.
    Cancelling a read gives up the rest, as `aclose()` does: the connection cannot be used again.
    """

    __slots__ = (
        "_chunks", "_closed", "_dones", "_error", "_faucet", "_fed", "_limit", "_loop", "_paused", "_reader", "_size",
        "complete",
    )  # fmt: skip

    def __init__(self, loop: AbstractEventLoop, faucet: Faucet) -> None:
        super().__init__()
        self.complete: bool = False
        self._loop = loop
        self._faucet: Faucet | None = faucet
        self._chunks: deque[bytes | memoryview] = deque()
        self._size = 0
        self._limit = HIGH_WATER
        self._paused = False
        self._closed = False
        self._error: RequestError | None = None
        self._reader: Future[None] | None = None
        self._dones: list[Done] = []
        self._fed: Callable[[], None] | None = None

    def feed(self, chunk: bytes | memoryview) -> None:
        """More arrived."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > self._limit and not self._paused and self._faucet is not None:
            self._paused = True
            self._faucet.pause()
        if self._fed is not None:
            self._fed()
        if self._reader is not None:
            self._wake()

    def finish(self, trailers: Headers) -> None:
        """All of it arrived."""
        self._trailers = trailers
        self._end(None)

    def fail(self, error: RequestError) -> None:
        """The rest will not arrive."""
        if not self.complete:
            self._error = error
            self._end(error)

    def abort(self, error: RequestError) -> None:
        """End the body with an error and its connection with it; what was not read yet is dropped."""
        if self.complete:
            return
        faucet = self._faucet
        self._chunks.clear()
        self.fail(error)
        if faucet is not None:
            faucet.abort()

    async def aclose(self) -> None:
        """Give up what was not read. A body that is complete costs its connection nothing."""
        self.give_up()

    def give_up(self) -> None:
        """`aclose()` for those who cannot await."""
        self._chunks.clear()
        if self.complete:
            return
        self._closed = True
        faucet = self._faucet
        self._end(None)
        if faucet is not None:
            faucet.abort()

    def when_done(self, done: Done) -> None:
        """Call `done(error)` once, when the body has ended, failed or was closed; at once if that is past."""
        if self.complete:
            done(self._error)
        else:
            self._dones.append(done)

    def when_fed(self, fed: Callable[[], None]) -> None:
        """Call `fed()` for each chunk that arrives from now on."""
        self._fed = fed

    async def read(self) -> bytes:
        """The whole body, or what iteration left of it. Raises the RequestError that cut it short."""
        self._limit = maxsize
        if self._paused:
            self._flow()
        while not self.complete:
            await self._more()
        self._check()
        if self._chunks:
            self.data += b"".join(self._chunks)
            self._chunks.clear()
        return self.data

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self.complete:
                self._check()
                raise StopAsyncIteration
            await self._more()
        chunk = self._chunks.popleft()
        if type(chunk) is not bytes:
            chunk = self._cut(chunk)
        self._size -= len(chunk)
        if self._paused and self._size < LOW_WATER:
            self._flow()
        return chunk

    def _cut(self, chunk: bytes | memoryview) -> bytes:
        """The first part of what must not be copied as a whole."""
        if len(chunk) > PIECE:
            self._chunks.appendleft(chunk[PIECE:])
            return bytes(chunk[:PIECE])
        return bytes(chunk)

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._closed:
            raise RuntimeError("the response body was closed before all of it had arrived")

    async def _more(self) -> None:
        if self._reader is not None:
            raise RuntimeError("two tasks read the same response body")
        self._reader = self._loop.create_future()
        try:
            await self._reader
        except CancelledError:
            self.give_up()
            raise
        finally:
            self._reader = None

    def _flow(self) -> None:
        if self._faucet is not None:
            self._paused = False
            self._faucet.resume()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _end(self, error: RequestError | None) -> None:
        if self.complete:
            return
        self.complete = True
        if self._paused and self._faucet is not None:
            self._faucet.resume()  # the next exchange wants to be read
        self._faucet = None
        self._wake()
        dones, self._dones = self._dones, []
        for done in dones:
            done(error)
