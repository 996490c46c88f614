"""What can be wrong between a client and its server: connections that break, bytes that change, nobody there."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias

Spoil: TypeAlias = Callable[[int, bytes], bytes]


class Relay:
    """A TCP relay that breaks the connection once `budget` bytes have come from the server; None never does.

    `spoil` may change what the server sends: it is given the offset of a chunk, and the chunk. Both are for the first
    connection only; the next ones are left alone.
    """

    def __init__(self, port: int, budget: int | None, spoil: Spoil | None = None) -> None:
        self._target = port
        self._budget = budget
        self._spoil = spoil
        self.port = 0
        self.connections = 0
        self._running: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            await server.wait_closed()

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        if task := asyncio.current_task():
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        up = asyncio.ensure_future(copy(client, to_server))
        first = self.connections == 1
        down = asyncio.ensure_future(self._down(server, to_client) if first else copy(server, to_client))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            to_client.transport.abort()
            to_server.transport.abort()

    async def _down(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        at = 0
        while data := await server.read(65536):
            left = len(data) if self._budget is None else max(0, self._budget - at)
            chunk = self._spoil(at, data) if self._spoil else data
            client.write(chunk[:left])
            await client.drain()
            at += len(data)
            if self._budget is not None and at >= self._budget:
                return


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
