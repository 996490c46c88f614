"""Request bodies that can be sent again."""

from collections.abc import AsyncIterable

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

    @property
    def unseen(self) -> bool:
        """Others send the source, and nobody is told when it has ended."""
        return bool(getattr(self._source, "unseen", False))

    def __aiter__(self) -> "Reading":
        """From the beginning: what was remembered, then what the source still has."""
        return Reading(self)

    async def chunk(self, position: int) -> bytes:
        """The chunk at a position, remembered or new. Raises StopAsyncIteration, and what the source raises."""
        if position < len(self._chunks):
            return self._chunks[position]
        if self._ended:
            raise StopAsyncIteration
        before, self.lost = self.lost, True  # until the source has answered
        try:
            chunk = await anext(self._source)
        except StopAsyncIteration:
            self._ended, self.lost = True, before
            raise
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


class Reading:
    """One pass over a Replay. A plain iterator, so that one that is given up half way leaves nothing to close."""

    __slots__ = ("_position", "_replay")

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._position = 0

    def __aiter__(self) -> "Reading":
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._replay.chunk(self._position)
        self._position += 1
        return chunk


def replayable(body: Content, limit: int) -> Content:
    """The body in a form that may be sent several times: bytes are, and so is what was wrapped before."""
    return body if isinstance(body, bytes | Replay) else Replay(body, limit)


def lost(body: Content, limit: int) -> bool:
    """Whether the body cannot be sent again: nobody has kept what is beyond the limit, or it was interrupted."""
    return len(body) > limit if isinstance(body, bytes) else isinstance(body, Replay) and body.lost
