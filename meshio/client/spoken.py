"""What the mesh answers itself, as a connection whose other end is the mesh: aiohttp parses it like any other."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Iterable
from http import HTTPStatus

from aiohttp.client_proto import ResponseHandler

from meshio.message import Response

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


async def spoken(loop: AbstractEventLoop, method: str, response: Response) -> ResponseHandler:
    """A connection, for one exchange, on which this response arrives as soon as the request is written."""
    body = await response.body.read()
    lines = [b"HTTP/1.1 %d %b" % (response.status, REASONS.get(response.status, b""))]
    lines += [b"%b: %b" % header for header in response.headers if header[0] != b"content-length"]
    lines += [b"content-length: %d" % len(body), b"", b"" if method == "HEAD" else body]
    protocol = ResponseHandler(loop)
    protocol.connection_made(Speaker(loop, protocol, b"\r\n".join(lines)))
    protocol.force_close()
    return protocol


class Speaker(asyncio.Transport):
    """Takes whatever is written, and says one thing."""

    def __init__(self, loop: AbstractEventLoop, protocol: ResponseHandler, answer: bytes) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._answer = answer
        self._closing = False

    def write(self, data: object) -> None:
        """Part of the request; the first of it is its head."""
        if self._answer:
            answer, self._answer = self._answer, b""
            self._loop.call_soon(self._say, answer)

    def writelines(self, list_of_data: Iterable[object]) -> None:
        self.write(b"")

    def _say(self, answer: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(answer)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def pause_reading(self) -> None:
        """There is one thing to read, and it is at hand."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""
