"""Request bodies that are sent piece by piece, behind a head that is on its way."""

from collections.abc import AsyncIterator
from typing import Protocol

from meshio.errors import BadRequest
from meshio.message import Request
from meshio.transport.head import told_length

PIECE = 256 * 1024  # bytes of a body at hand that are written at a time: what waits is copied by the event loop
COPY = 64 * 1024  # up to here one write with a copy is cheaper than three without


class Sink(Protocol):
    """Where the body goes: a connection with an exchange under way."""

    def write(self, data: bytes | memoryview) -> None:
        """Hand bytes to the socket."""

    async def writable(self) -> None:
        """Return once the peer has taken enough of what was written."""

    def handed_over(self) -> None:
        """All of the body was written; the answer may come before the one who wrote it has ended."""

    async def go_ahead(self) -> None:
        """Return once the peer has said 100 Continue, or has been silent about it for long enough."""


def expects_continue(request: Request) -> bool:
    """Whether the body waits for the peer's consent."""
    expect = request.header(b"expect")
    return expect is not None and expect.lower() == b"100-continue"


async def upload(sink: Sink, request: Request) -> None:
    """Send the body. Raises BadRequest when its length is not what the caller said, and what the body raises.

    `request.stage` says meanwhile what it is that takes time: the caller ("") or the peer ("write").
    """
    if expects_continue(request):
        await sink.go_ahead()
    request.stage = ""
    if isinstance(request.body, bytes):
        await send_whole(sink, request, memoryview(request.body))
    else:
        await send_pieces(sink, request, aiter(request.body))
    request.stage = "read"


async def send_whole(sink: Sink, request: Request, body: memoryview) -> None:
    """A body that is at hand."""
    for start in range(0, len(body), PIECE):
        await wait_writable(sink, request)
        sink.write(body[start : start + PIECE])
    sink.handed_over()


async def send_pieces(sink: Sink, request: Request, pieces: AsyncIterator[bytes]) -> None:
    length = told_length(request.headers)
    try:
        if length is None:
            await send_chunked(sink, request, pieces)
        else:
            await send_exactly(sink, request, pieces, length)
    finally:
        close = getattr(pieces, "aclose", None)  # a generator's
        if close is not None:
            await close()


async def send_chunked(sink: Sink, request: Request, pieces: AsyncIterator[bytes]) -> None:
    """Chunked coding, without trailers."""
    async for chunk in pieces:
        if len(chunk) > COPY:
            sink.write(b"%x\r\n" % len(chunk))
            sink.write(chunk)
            sink.write(b"\r\n")
        elif chunk:
            sink.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await wait_writable(sink, request)
    sink.write(b"0\r\n\r\n")
    sink.handed_over()


async def send_exactly(sink: Sink, request: Request, pieces: AsyncIterator[bytes], length: int) -> None:
    """As many bytes as content-length says."""
    left = length
    async for chunk in pieces:
        left -= len(chunk)
        if left < 0:
            raise BadRequest(f"the body is longer than the {length} bytes that content-length says")
        sink.write(chunk)
        if not left:
            sink.handed_over()  # the caller's iterator may have more to do, and more to say, which is an error
        await wait_writable(sink, request)
    if left:
        raise BadRequest(f"the body ended {left} bytes before the {length} that content-length says")


async def wait_writable(sink: Sink, request: Request) -> None:
    request.stage = "write"
    await sink.writable()
    request.stage = ""
