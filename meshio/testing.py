"""Peers for tests, shipped for those who build on meshio: a control plane that follows a script, and a fake clock.

    async with ControlPlane() as plane:
        source = XdsSource(plane.bootstrap())
        ...
        stream = await plane.accept()
        ask = await stream.ask()                                   # what the client asked for
        await stream.reply(ask.type_url, "1", "nonce-1", {"reviews": raw})

Nothing is simulated: the control plane is a gRPC server on a loopback port, and `Relay` cuts real connections.
"""

import asyncio
import selectors
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias, TypeVar

import grpclib.server
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from meshio.xds.bootstrap import Bootstrap, Node, Server
from meshio.xds.discovery import Ask, DeltaAsk
from meshio.xds.served import read_ask, read_delta_ask, reply_of, write_delta_reply, write_reply
from meshio.xds.stream import INCREMENTAL, WHOLE, Octets

T = TypeVar("T")
World: TypeAlias = Mapping[str, Mapping[str, bytes]]  # type URL -> name -> resource
Spoil: TypeAlias = Callable[[int, bytes], bytes]
GrpcStream = grpclib.server.Stream[bytes, bytes]

NODE = Node("sidecar~127.0.0.1~test.default~default.svc.cluster.local", "test.default", {"NAMESPACE": "default"})


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


class ControlPlane:
    """An ADS server that does nothing by itself.

    incremental, whole   whether it knows the method of that dialect
    tls                  the server's side of TLS; None is plaintext
    """

    def __init__(self, *, incremental: bool = True, whole: bool = True, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._methods = {INCREMENTAL: incremental, WHOLE: whole}
        self._accepted: asyncio.Queue[ScriptedStream] = asyncio.Queue()
        self._open: set[ScriptedStream] = set()
        self.port = 0

    def __mapping__(self) -> dict[str, Handler]:
        """grpclib's way to ask what is served."""
        return {
            method: Handler(self._method(method), Cardinality.STREAM_STREAM, bytes, bytes)
            for method, served in self._methods.items()
            if served
        }

    def _method(self, method: str) -> Callable[[GrpcStream], Coroutine[Any, Any, None]]:
        async def serve(stream: GrpcStream) -> None:
            scripted = ScriptedStream(stream, incremental=method == INCREMENTAL)
            self._open.add(scripted)
            self._accepted.put_nowait(scripted)
            try:
                await scripted.serve()
            finally:
                self._open.discard(scripted)

        return serve

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        """Start, on the port of last time where there was one."""
        self._server = grpclib.server.Server([self], codec=Octets())
        listening = socket.socket(proto=socket.IPPROTO_TCP)  # said aloud, or asyncio leaves Nagle's delay on
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        await self._server.start(sock=listening, ssl=self._tls)

    async def stop(self) -> None:
        """Break every connection and close the port."""
        for stream in list(self._open):
            stream.cut()
        self._server.close()
        await self._server.wait_closed()

    async def accept(self) -> ScriptedStream:
        """The next stream that a client opens."""
        return await self._accepted.get()

    def bootstrap(self, port: int | None = None) -> Bootstrap:
        """For a source that is to talk to this control plane, or to a relay in front of it."""
        return Bootstrap(Server("127.0.0.1", port or self.port), NODE, "test")


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


class LeapingSelector(selectors.DefaultSelector):
    """Where the loop would wait for a timer, time leaps to it."""

    leapt = 0.0
    delivery = 0.005  # seconds that a loopback may take to deliver, on a busy machine

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(timeout if timeout is None else min(timeout, self.delivery))
        if not events and timeout is not None and timeout > 0:
            self.leapt += timeout
        return events


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop in which nobody waits: half an hour of backoff passes at once, in the right order."""

    def __init__(self) -> None:
        self._leaping = LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return super().time() + self._leaping.leapt


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in a LeapingLoop, with asyncio's debugging on."""
    with asyncio.Runner(debug=True, loop_factory=LeapingLoop) as runner:
        return runner.run(work)
