"""How a connection reads while a long body streams over it: into one buffer, piece by piece.

An event loop hands over as much as the socket has, in bytes of up to 256 KB. Where two of those are alive at once,
glibc gives memory back to the kernel and asks for it anew with the next one, page by page: 90 page faults for 1 MB.
"""

from asyncio import BufferedProtocol, Protocol
from collections.abc import Callable
from typing import TypeAlias

PIECE = 96 * 1024  # bytes that are read at a time; malloc takes from 128 KB on straight from the kernel
SPARES = 8  # buffers kept for the next bodies

spare: list[bytearray] = []


Pour: TypeAlias = Callable[[bytes], bool]


class Flow(BufferedProtocol):
    """Stands in for a connection's protocol."""

    __slots__ = ("_buffer", "_line", "_pour", "_view")

    def __init__(self, line: Protocol, pour: Pour) -> None:
        """`pour` takes what only adds to a body; the connection gets the rest."""
        self._line = line
        self._pour = pour
        self._buffer = spare.pop() if spare else bytearray(PIECE)
        self._view = memoryview(self._buffer)

    def end(self) -> None:
        """No more is read."""
        if len(spare) < SPARES:
            spare.append(self._buffer)

    def get_buffer(self, sizehint: int) -> memoryview:  # asyncio's TLS slices it to fill the rest
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._view[:nbytes])
        if not self._pour(data):
            self._line.data_received(data)

    def eof_received(self) -> bool | None:
        return self._line.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.connection_lost(exc)

    def pause_writing(self) -> None:
        self._line.pause_writing()

    def resume_writing(self) -> None:
        self._line.resume_writing()
