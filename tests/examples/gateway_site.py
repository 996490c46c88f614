"""A gateway that runs, and a client of it that writes bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Site:
    """A gateway that runs."""

    port: int
    app: object

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def ask(self, request: bytes) -> bytes:
        """All that comes back until the gateway closes."""
        async with self.client() as (reader, writer):
            writer.write(request)
            return await reader.read()


def request(*lines: bytes, start: bytes = b"GET / HTTP/1.1", host: bytes = b"web", body: bytes = b"") -> bytes:
    return b"\r\n".join([start, b"host: " + host, *lines, b"", body])
