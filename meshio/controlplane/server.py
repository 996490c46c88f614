"""ADS over grpclib: carries what the conversations hear and say, and logs who is there and who refuses what."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeAlias

import grpclib.server
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from meshio.controlplane.conversation import A, Conversation
from meshio.controlplane.incremental import Incremental
from meshio.controlplane.offer import Offer
from meshio.controlplane.whole import WholeState
from meshio.errors import ConfigError
from meshio.xds.bootstrap import Node
from meshio.xds.discovery import Ask, DeltaAsk, Reply
from meshio.xds.served import read_ask, read_delta_ask, read_delta_node, read_node, write_delta_reply, write_reply
from meshio.xds.stream import INCREMENTAL, WHOLE, Octets
from meshio.xds.types import WORDS
from meshio.xds.wire import Malformed

log = logging.getLogger("meshio.controlplane")

RawStream: TypeAlias = "grpclib.server.Stream[bytes, bytes]"


@dataclass(frozen=True, slots=True)
class Dialect(Generic[A]):
    """Which machine speaks, and how its words look on the wire. Reading raises Malformed."""

    name: str
    begin: Callable[[], Conversation[A]]
    read_node: Callable[[bytes], Node]
    read: Callable[[bytes], A]
    write: Callable[[Reply], bytes]


WHOLE_STATE: Dialect[Ask] = Dialect("state of the world", WholeState, read_node, read_ask, write_reply)
DELTA: Dialect[DeltaAsk] = Dialect("delta", Incremental, read_delta_node, read_delta_ask, write_delta_reply)


@dataclass(eq=False, slots=True)
class Line(Generic[A]):
    """One connected client. `awake` is set whenever there may be something to say."""

    node: Node
    number: int
    conversation: Conversation[A]
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, ask: A) -> None:
        """Take in a request, and tell the operator when it is a refusal."""
        if error := ask.error:
            log.warning("%s refused %s: %s", self, WORDS.get(ask.type_url, ask.type_url), error)
        self.conversation.hear(ask)
        self.awake.set()

    def offer(self, offer: Offer) -> None:
        self.conversation.offer(offer)
        self.awake.set()

    def __str__(self) -> str:
        return f"{self.node.id or 'a client without a node id'} #{self.number}"


class ControlPlane:
    """Serves each client what `offer_for(node)` says. `publish` when that has changed.

    One loop; `serve` opens the port, and closes every stream when it ends.
    """

    def __init__(self, offer_for: Callable[[Node], Offer]) -> None:
        self._offer_for = offer_for
        self._lines: set[Line[Ask] | Line[DeltaAsk]] = set()
        self._numbers = count(1)

    @property
    def clients(self) -> list[Node]:
        """Who is connected now."""
        return [line.node for line in self._lines]

    def publish(self) -> None:
        """Tell every client what is new for it. Nothing is sent to those for whom nothing is."""
        for line in self._lines:
            line.offer(self._offer_for(line.node))

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
        """Listen; gives the port. Raises ConfigError when the address cannot be had."""
        server = grpclib.server.Server([self], codec=Octets())
        try:
            await server.start(host, port)
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        try:
            yield server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        finally:
            server.close()
            await server.wait_closed()

    def __mapping__(self) -> dict[str, Handler]:
        """What grpclib asks of a service."""
        cardinality = Cardinality.STREAM_STREAM
        return {
            WHOLE: Handler(self._whole, cardinality, bytes, bytes),
            INCREMENTAL: Handler(self._delta, cardinality, bytes, bytes),
        }

    async def _whole(self, stream: RawStream) -> None:
        await self._answer(stream, WHOLE_STATE)

    async def _delta(self, stream: RawStream) -> None:
        await self._answer(stream, DELTA)

    async def _answer(self, stream: RawStream, dialect: Dialect[A]) -> None:
        """One stream from its first request to its end, however it ends."""
        first = await stream.recv_message()
        if first is None:
            return
        try:
            line = Line(dialect.read_node(first), next(self._numbers), dialect.begin())
            line.offer(self._offer_for(line.node))
            with self._listed(line, dialect):
                await converse(line, first, stream, dialect)
        except Malformed as error:
            raise GRPCError(Status.INVALID_ARGUMENT, str(error)) from error

    @contextmanager
    def _listed(self, line: Line[A], dialect: Dialect[A]) -> Iterator[None]:
        """Connected, as far as others can see."""
        self._lines.add(line)
        log.info("%s connected (%s); clients: %d", line, dialect.name, len(self._lines))
        try:
            yield
        finally:
            self._lines.discard(line)
            log.info("%s left; clients: %d", line, len(self._lines))


async def converse(line: Line[A], first: bytes, stream: RawStream, dialect: Dialect[A]) -> None:
    """Hear and say until either ends: the client is done, or gone. Raises Malformed."""
    both = {
        asyncio.create_task(listen(line, first, stream, dialect)),
        asyncio.create_task(speak(line, stream, dialect)),
    }
    try:
        done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def listen(line: Line[A], first: bytes, stream: RawStream, dialect: Dialect[A]) -> None:
    """Take in requests until the client has no more. Raises Malformed."""
    line.hear(dialect.read(first))
    async for request in stream:
        line.hear(dialect.read(request))


async def speak(line: Line[A], stream: RawStream, dialect: Dialect[A]) -> None:
    """Send whatever there is to say. HTTP/2 flow control holds us back, and news is joined up meanwhile."""
    while await line.awake.wait():
        line.awake.clear()
        while reply := line.conversation.say():
            await stream.send_message(dialect.write(reply))
            log.debug("%s was sent %s: %d", line, WORDS[reply.type_url], len(reply.resources))
