"""A response body that is handed out slowly (Envoy: stream_rate_limiter.cc)."""

import asyncio
from collections.abc import AsyncIterator

from meshio.errors import RequestError
from meshio.message import Body, Done

SLICES = 20  # a second; that many may be saved up
KIB = 1024


class Throttled(Body):
    """`rate` KiB per second of another body, in slices of a twentieth of that, the first at once.

    What the other body holds is read from it as it is handed out, so that its own flow control slows the upstream.
    """

    __slots__ = ("_body", "_dones", "_error", "_piece", "_slice", "_tokens", "_when", "complete")

    def __init__(self, body: Body, rate: int) -> None:
        super().__init__()
        self.complete: bool = False
        self._body = body
        self._slice = max(1, rate * KIB // SLICES)
        self._tokens = 1.0
        self._when = asyncio.get_running_loop().time()
        self._piece = b""
        self._dones: list[Done] = []
        self._error: RequestError | None = None

    def when_done(self, done: Done) -> None:
        if self.complete:
            done(self._error)
        else:
            self._dones.append(done)

    async def read(self) -> bytes:
        self.data += b"".join([chunk async for chunk in self])
        return self.data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                self._piece = chunk
                while self._piece:
                    await self._token()
                    piece, self._piece = self._piece[: self._slice], self._piece[self._slice :]
                    yield piece
        except RequestError as error:
            self._end(error)
            raise
        except BaseException:
            await self.aclose()
            raise
        self.trailers = self._body.trailers
        self._end(None)

    async def _token(self) -> None:
        """Wait for the next slice."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            self._tokens = min(float(SLICES), self._tokens + (now - self._when) * SLICES)
            self._when = now
            if self._error is not None:
                raise self._error
            if self._tokens >= 1:
                self._tokens -= 1
                return
            await asyncio.sleep((1 - self._tokens) / SLICES)

    async def aclose(self) -> None:
        self._piece = b""
        await self._body.aclose()
        self._end(None)

    def abort(self, error: RequestError) -> None:
        if not self.complete:
            self._piece = b""
            self._body.abort(error)
            self._end(error)

    def _end(self, error: RequestError | None) -> None:
        if self.complete:
            return
        self.complete, self._error = True, error
        dones, self._dones = self._dones, []
        for done in dones:
            done(error)
