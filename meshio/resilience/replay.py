"""Request bodies that can be sent again."""

from collections.abc import AsyncIterable, AsyncIterator

from meshio.message import Content


class Replay:
    """A streamed request body that remembers its chunks, up to a limit, so that a retry can send them again.

    `lost` says that it cannot be sent again: it grew beyond the limit, or an attempt was cancelled while the
    caller's iterator was at work, so that nobody knows what that iterator still holds.
    """

    __slots__ = ("_chunks", "_ended", "_limit", "_size", "_source", "lost")

    def __init__(self, source: AsyncIterable[bytes], limit: int) -> None:
        self._source = aiter(source)
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._ended = False
        self.lost = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """From the beginning: what was remembered, then what the source still has. Raises what the source raises."""
        position = 0
        while True:
            while position < len(self._chunks):
                yield self._chunks[position]
                position += 1
            chunk = await self._next()
            if chunk is None:
                return
            if self.lost:
                yield chunk
            # else it was remembered, and the loop yields it from there

    async def _next(self) -> bytes | None:
        """One more chunk, or None at the end. Remembered as long as the limit allows."""
        if self._ended:
            return None
        before, self.lost = self.lost, True  # until the source has answered
        try:
            chunk = await anext(self._source)
        except StopAsyncIteration:
            self._ended, self.lost = True, before
            return None
        self.lost = before
        self._remember(chunk)
        return chunk

    def _remember(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            self.lost = True
            self._chunks.clear()
        if not self.lost:
            self._chunks.append(chunk)


def replayable(body: Content, limit: int) -> Content:
    """The body in a form that may be sent several times: bytes are, and so is what was wrapped before."""
    return body if isinstance(body, bytes | Replay) else Replay(body, limit)


def lost(body: Content) -> bool:
    """Whether the body cannot be sent again."""
    return isinstance(body, Replay) and body.lost
