"""A control plane as a source of snapshots: istiod, or whatever else speaks ADS."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from meshio.mesh.resolve import Resolution, listed, resolve
from meshio.mesh.snapshot import Snapshot
from meshio.xds.backoff import Backoff
from meshio.xds.bootstrap import Bootstrap, Node, identity_of
from meshio.xds.delta import Delta
from meshio.xds.discovery import ALL, Conversation, Faults, Reply
from meshio.xds.envelope import read_delta_reply, read_reply, write_ask
from meshio.xds.intake import Intake
from meshio.xds.outlet import Outlet
from meshio.xds.patience import Patience
from meshio.xds.session import Session
from meshio.xds.status import Refusal, Status
from meshio.xds.stream import INCREMENTAL, WHOLE, Stream, StreamEnded, is_sendable, opened
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES, WORDS
from meshio.xds.wire import Malformed

log = logging.getLogger("meshio.xds")

ORDER = (CLUSTER, ASSIGNMENT, LISTENER, ROUTES, NAMES)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds.

    first_delay   before the second attempt to connect
    patience      until a name that is never answered counts as absent (the xDS protocol's advice)
    steady        the end of a stream that lasted this long is the server's habit (istiod: every 30 minutes),
                  and no reason to wait before the next one
    grace         that a snapshot whose routes lead to a cluster that has just gone waits for other routes
    """

    first_delay: float = 1.0
    patience: float = 15.0
    steady: float = 10.0
    grace: float = 1.0


class XdsSource:
    """A `Source` over ADS. It asks in increments, and in state of the world once a server does not know those.

    Streams come and go; what is held, and the last complete snapshot, stay. `status` says how it goes.
    """

    def __init__(self, found: Bootstrap, *, incremental: bool = True, pace: Pace | None = None) -> None:
        self.identity = identity_of(found.node)
        self.status = Status()
        self._found = found
        self._pace = pace or Pace()
        self._intake = Intake()
        self._holdings = self._intake.holdings
        self._backoff = Backoff(self._pace.first_delay)
        self._patience = Patience(self._pace.patience)
        self._timer: asyncio.TimerHandle | None = None
        self._outlet = Outlet(self._pace.grace)
        self._speak(incremental)

    def __str__(self) -> str:
        return f"{self._found.server} ({self._found.origin})"

    def missing(self) -> str:
        """In words; "" once there is a complete snapshot."""
        if self._outlet.latest is not None:
            return ""
        status = self.status
        if status.connected is None:
            return f"no connection to {self}: {status.error or 'not tried yet'}"
        refused = "".join(f"; refused: {fault}" for refusal in status.refusals for fault in refusal.faults)
        return f"{self} is connected, but {status.missing}{refused}"

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Complete snapshots, the latest first: who is slow misses what was overtaken."""
        pump = asyncio.create_task(self._run(), name=f"xds {self}")
        outlet = self._outlet
        pump.add_done_callback(lambda _: outlet.changed.set())
        try:
            while True:
                await outlet.changed.wait()
                outlet.changed.clear()
                if pump.done():
                    pump.result()
                if outlet.latest is not None:
                    yield outlet.latest
        finally:
            outlet.close()
            pump.cancel()
            await asyncio.wait({pump})

    # ---- streams, one after the other --------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began, replies = loop.time(), self.status.replies
            ended = await self._one_stream()
            answered = self.status.replies > replies
            self._note_end(ended, answered=answered)
            if ended.unimplemented and self._incremental:
                log.info("%s does not know incremental xDS: going on with the state of the world", self)
                self._speak(incremental=False)
            elif not answered or loop.time() - began < self._pace.steady:
                await asyncio.sleep(self._backoff.delay())

    async def _one_stream(self) -> StreamEnded:
        """In a task of its own: grpclib wakes a reader by cancelling its task, which leaves a mark on the task."""
        stream = asyncio.create_task(self._converse(), name=f"xds stream {self}")
        try:
            return await stream
        finally:
            self._disarm()
            self.status.connected = None
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise asyncio.CancelledError  # grpclib may have turned it into an error of the stream

    async def _converse(self) -> StreamEnded:
        method = INCREMENTAL if self._incremental else WHOLE
        try:
            async with opened(self._found.server, method, metadata_for(self._found.node)) as stream:
                self.status.streams += 1
                self.status.connected = time.time()
                await self._exchange(stream)
        except StreamEnded as ended:
            return ended
        raise AssertionError("an exchange ends only with its stream")

    async def _exchange(self, stream: Stream) -> None:
        """Send what is to be sent, take in one reply, and again. Ends by StreamEnded."""
        self._talk.reconnected()
        self._update()
        node = self._found.node
        introduced = False
        while True:
            for ask in self._talk.to_send():
                await stream.send(write_ask(ask, None if introduced else node))
                introduced = True
            reply = self._read(await stream.receive())
            await asyncio.sleep(0)  # a full state of 2.5 MB took 20 ms to read
            await self._process(reply)
            await asyncio.sleep(0)

    def _speak(self, incremental: bool) -> None:
        self._incremental = incremental
        self._talk: Conversation = Delta(ORDER) if incremental else Session(ORDER)
        self.status.dialect = "delta" if incremental else "state of the world"
        for type_url in (CLUSTER, LISTENER, NAMES):
            self._talk.want(type_url, ALL)

    def _note_end(self, ended: StreamEnded, *, answered: bool) -> None:
        self.status.error, self.status.error_time = str(ended), time.time()
        level = logging.INFO if ended.orderly and answered else logging.WARNING
        log.log(level, "the stream from %s ended: %s", self, ended)

    # ---- replies -----------------------------------------------------------------------------------------------

    def _read(self, message: bytes) -> Reply:
        try:
            return read_delta_reply(message) if self._incremental else read_reply(message)
        except Malformed as error:
            raise StreamEnded(f"the server sent what is not a discovery response: {error}") from error

    async def _process(self, reply: Reply) -> None:
        faults = await self._intake.take(reply, self._talk.receive(reply), time.time())
        self._talk.answer(reply, faults)
        self.status.replies += 1
        self._backoff.reset()
        if faults:
            self._note_refusal(reply, faults)
        self._update()

    def _note_refusal(self, reply: Reply, faults: Faults) -> None:
        kind = WORDS.get(reply.type_url, reply.type_url)
        self.status.refusals.append(Refusal(time.time(), kind, reply.version, tuple(faults.values())))
        log.warning("refused %d of %d %s from %s; what was good before stays: %s",
                    len(faults), len(reply.resources), kind, self, "; ".join(faults.values()))  # fmt: skip

    def _update(self) -> None:
        """Ask for what is named now, forget what is not, and tell a snapshot when it is complete."""
        resolution = resolve(self._holdings.held())
        for type_url, names in ((ROUTES, resolution.routes), (ASSIGNMENT, resolution.assignments)):
            self._talk.want(type_url, names)
            if self._holdings.keep(type_url, names):
                resolution = resolve(self._holdings.held())
        self.status.missing = resolution.missing
        if resolution.snapshot is not None:
            self._outlet.offer(resolution.snapshot)
        self._arm(resolution)

    # ---- names that are never answered -------------------------------------------------------------------------

    def _arm(self, resolution: Resolution) -> None:
        self._cancel_timer()
        loop = asyncio.get_running_loop()
        if (due := self._patience.note(self._holdings.open_questions(resolution), loop.time())) is not None:
            self._timer = loop.call_at(due, self._give_up)

    def _give_up(self) -> None:
        expired = self._patience.expired(asyncio.get_running_loop().time())
        for type_url, name in expired:
            self._holdings.lose(type_url, frozenset({name}))
        names = listed({name for _, name in expired})
        log.warning("%s never answered for %s: taken as absent", self, names)
        self._update()

    def _disarm(self) -> None:
        self._cancel_timer()
        self._patience.forget()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def metadata_for(node: Node) -> dict[str, str]:
    """istiod asks for the cluster when it checks a token."""
    cluster = node.metadata.get("CLUSTER_ID")
    return {"clusterid": cluster} if isinstance(cluster, str) and is_sendable(cluster) else {}
