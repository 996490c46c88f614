"""One stream of xDS, as the script of a test sees it."""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeAlias

import grpclib.server
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from meshio.xds.discovery import Ask, DeltaAsk
from meshio.xds.served import read_ask, read_delta_ask, reply_of, write_delta_reply, write_reply

World: TypeAlias = Mapping[str, Mapping[str, bytes]]  # type URL -> name -> resource
GrpcStream = grpclib.server.Stream[bytes, bytes]


class ScriptedStream:
    """One stream that a client has opened, as the script sees it."""

    def __init__(self, stream: GrpcStream, *, incremental: bool) -> None:
        self.incremental = incremental
        self.metadata = dict(stream.metadata or {})
        self.sent: list[bytes] = []  # every request that the script has read, as it came
        self._stream = stream
        self._asks: asyncio.Queue[bytes] = asyncio.Queue()
        self._ending: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        self._nonces = 0
        self.answers: asyncio.Queue[Ask | DeltaAsk] = asyncio.Queue()
        self.ended = asyncio.Event()

    async def ask(self) -> Ask | DeltaAsk:
        """The client's next request."""
        raw = await self._asks.get()
        self.sent.append(raw)
        return read_delta_ask(raw) if self.incremental else read_ask(raw)

    async def asks(self, number: int) -> list[Ask | DeltaAsk]:
        return [await self.ask() for _ in range(number)]

    async def reply(
        self, type_url: str, version: str, nonce: str, resources: Mapping[str, bytes], removed: tuple[str, ...] = ()
    ) -> None:
        """Send a response in the dialect of the stream."""
        write = write_delta_reply if self.incremental else write_reply
        await self.send(write(reply_of(type_url, version, nonce, resources, removed)))

    async def serve_world(self, world: World) -> None:
        """Answer every request out of a world, as the smallest honest control plane would, until cancelled.

        Requests that are answers of the client (ACK, NACK) are put into `answers`.
        """
        known: dict[str, frozenset[str]] = {}
        while True:
            ask = await self.ask()
            if ask.nonce:
                self.answers.put_nowait(ask)
            if isinstance(ask, DeltaAsk):
                new = frozenset(ask.subscribe)
                first = ask.type_url not in known and not ask.nonce
                known.setdefault(ask.type_url, new)
            else:
                first = ask.type_url not in known
                new = frozenset(ask.names) - known.get(ask.type_url, frozenset())
                known[ask.type_url] = frozenset(ask.names)
            if new or first:
                await self._tell(ask.type_url, world, new)

    async def _tell(self, type_url: str, world: World, names: frozenset[str]) -> None:
        there = world.get(type_url, {})
        told = {name: there[name] for name in sorted(names) if name in there} if names else dict(there)
        self._nonces += 1
        await self.reply(type_url, "1", f"nonce-{self._nonces}", told, tuple(sorted(names - there.keys())))

    async def send(self, message: bytes) -> None:
        """Send whatever bytes as one gRPC message."""
        await self._stream.send_message(message)

    def end(self, status: Status = Status.OK) -> None:
        """End the stream from the server's side."""
        if not self._ending.done():
            self._ending.set_result(status)

    def cut(self) -> None:
        """Break the connection, as a crash does."""
        self._stream._stream._transport.abort()

    async def serve(self) -> None:
        """Hold the stream open until either side ends it."""
        reader = asyncio.ensure_future(self._read())
        either: set[asyncio.Future[Any]] = {reader, self._ending}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.ended.set()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        if self._ending.done() and self._ending.result() is not Status.OK:
            raise GRPCError(self._ending.result(), "as the script says")

    async def _read(self) -> None:
        while (message := await self._stream.recv_message()) is not None:
            self._asks.put_nowait(message)
