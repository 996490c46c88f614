"""aiohttp's connections in the mesh's pools: aiohttp writes and parses, the mesh dials, keeps and counts."""

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable
from itertools import count
from typing import TypeAlias

from aiohttp import ClientOSError, ClientResponse, ServerDisconnectedError, ServerTimeoutError
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import set_exception
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace

from meshio.client.attempt import Line
from meshio.client.exchange import Exchange
from meshio.errors import ConnectFailed, ConnectTimedOut, ProtocolBroken, RequestError, Reset
from meshio.message import Body, Done, Private, Request, Response
from meshio.transport.connection import Connection, Owner
from meshio.transport.dial import Target, reach
from meshio.transport.host_pool import HostPool, discard
from meshio.transport.pool import HighPools, Pools, server_name
from meshio.transport.tls import Security
from meshio.upstream.cluster import Cluster
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

Head: TypeAlias = tuple[RawResponseMessage, StreamReader]

SWITCHING = 101
NAMES = count(1)


class Wire(ResponseHandler):
    """One connection, parsed by aiohttp; see `transport.connection.Connection` for what the pool wants of it.

    lease   the exchange under way, None while idle
    """

    def __init__(self, loop: AbstractEventLoop, owner: Owner, peer: str) -> None:
        super().__init__(loop)
        self._owner = owner
        self.peer = peer
        self.alive = self.busy = False
        self.born = self.since = loop.time()
        self.served = 0
        self.lease: Lease | None = None
        self._head: Future[Head] | None = None

    def __bool__(self) -> bool:
        """It is there, though nothing waits in aiohttp's queue, whose length would count otherwise."""
        return True

    def send(self, request: Request) -> Awaitable[Response]:
        """One exchange, in the way that its caller goes about it. Raises ConnectFailed where nothing was sent."""
        self.check()
        assert isinstance(request, Exchange)
        return request.over(self)

    def check(self) -> None:
        """Raises ConnectFailed for a connection that has ended since it was handed out."""
        if not self.alive:
            raise ConnectFailed(f"{self.peer} closed the connection before it was used", "connection closed")

    def abandon(self, request: Request) -> None:
        """aiohttp gives the connection back in any case."""

    def lend(self) -> "Lease":
        """Begin an exchange; aiohttp gives the connection back when it has ended."""
        self.served += 1
        lease = self.lease = Lease(self)
        return lease

    def give_back(self, *, broken: bool) -> None:
        """The exchange is over. The connection is free again before anybody hears of it."""
        lease, self.lease = self.lease, None
        if broken or self.should_close:
            self.close()
        else:
            self._owner.release(self)
        if lease is not None:
            lease.end(None)

    def give_up(self, error: RequestError) -> None:
        """End the exchange under way: whoever reads the response gets `error`."""
        theirs = ServerTimeoutError(f"{error.flag}: {error}")
        payload = self._payload
        self.set_exception(theirs)
        if payload is not None:
            set_exception(payload, theirs)
        self._payload = self._parser = None  # what the end of the connection means to them does not matter any more
        self.alive = False
        if self.transport is not None:
            self.transport.abort()
        self._owner.release(self)

    def close(self) -> None:
        self.alive = False
        super().close()
        self._owner.release(self)

    def abort(self) -> None:
        self.alive = False
        super().abort()
        self._owner.release(self)

    # What asyncio and aiohttp's parser call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.alive = True

    def connection_lost(self, error: BaseException | None) -> None:
        self.alive = False
        super().connection_lost(error)
        self._owner.lost(self)

    def data_received(self, data: bytes) -> None:
        if self.lease is None and data:
            self.abort()  # something that nobody asked for
        else:
            ResponseHandler.data_received(self, data)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp asks for this with every body, and turns its parser once more, paused or not."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def read(self) -> Awaitable[Head]:  # type: ignore[override]  # aiohttp only awaits it
        """The next response head: the future itself where it has not come."""
        if self._buffer or self._eof:
            return super().read()
        self._head = head = self._loop.create_future()
        return head

    def feed_data(self, data: Head, size: int = 0) -> None:
        """A response head."""
        code, lease, head = data[0].code, self.lease, self._head
        if lease is not None and (code >= 200 or code == SWITCHING):
            lease.headed(code)
        if head is None or head.done():
            super().feed_data(data, size)
        else:
            self._head = None
            head.set_result(data)

    def set_exception(self, error: BaseException, *cause: BaseException) -> None:
        """What ended the exchange, for aiohttp's reader and for the mesh."""
        super().set_exception(error, *cause)
        head, self._head = self._head, None
        if head is not None:
            set_exception(head, error, *cause)
        lease, self.lease = self.lease, None
        if lease is not None:
            lease.end(judged(error, self.peer))


class Lease(Body, Private):
    """The mesh's view of an exchange whose bytes it does not see: the response's status, and its end.

    response   gets the status as soon as it is known
    reply      aiohttp's response, where the middleware has it
    """

    __slots__ = ("_done", "_error", "_upgraded", "complete", "reply", "response", "wire")

    def __init__(self, wire: Wire) -> None:
        self.data, self._trailers = b"", None
        self.complete: bool = False
        self.wire = wire
        self.response: Response | None = None
        self.reply: ClientResponse | None = None
        self._upgraded = False
        self._error: RequestError | None = None
        self._done: Done | None = None

    def headed(self, status: int) -> None:
        self._upgraded = status == SWITCHING
        if self.response is not None:
            self.response.status = status

    def end(self, error: RequestError | None) -> None:
        if self.complete:
            return
        self.complete, self._error = True, error
        response, self.response = self.response, None  # it holds this body: a cycle for the garbage collector
        if response is not None:
            self.count(response, error)
        done = self._done
        if done is not None:
            self._done = None
            done(error)

    def count(self, response: Response, error: RequestError | None) -> None:
        """How it went, for whoever counts at this end; others wait for `when_done`."""

    def when_done(self, done: Done) -> None:
        if self.complete:
            done(self._error)
        else:
            self._done = done if self._done is None else both(self._done, done)

    def abort(self, error: RequestError) -> None:
        """A route's timeout ends an exchange, but not what became of it by an upgrade (Envoy does the same)."""
        if self.complete or self._upgraded:
            return
        wire, wire.lease = self.wire, None
        self.end(error)
        wire.give_up(error)

    async def aclose(self) -> None:
        """Nobody wants the rest."""
        if self.reply is not None:
            self.reply.release()
        elif not self.complete:
            self.wire.give_back(broken=True)


def both(first: Done, second: Done) -> Done:
    def done(error: RequestError | None) -> None:
        first(error)
        second(error)

    return done


def judged(error: BaseException, peer: str) -> RequestError | None:
    """What an exchange ended with, in the mesh's terms; None for what is the caller's own matter."""
    ours: RequestError | None = None
    if isinstance(error, HttpProcessingError):
        ours = ProtocolBroken(f"{peer} sent what is not HTTP: {error.message}")
    elif isinstance(error, ServerDisconnectedError | ClientOSError):
        ours = Reset(f"{peer} closed the connection: {error}")
    if ours is not None:
        ours.__cause__ = error
    return ours


class Wires:
    """aiohttp's connections to all hosts. They count in the mesh's limits, and leave with their hosts.

    Requests that do not come from aiohttp (shadows) go over the mesh's own connections.
    """

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._others: Pools | HighPools = pools
        self._name = f"aiohttp-{next(NAMES)} "
        self._urgent = False
        self._high: Wires | None = None
        self._begun: set[HostPool] = set()

    def high(self) -> "Wires":
        """Those for requests of high priority. `close` ends both."""
        if self._high is None:
            wires = self._high = Wires(self._pools)
            wires._urgent, wires._others, wires._begun = True, self._pools.high(), self._begun
        return self._high

    def idle(self, host: Host, request: Request) -> Line | None:
        return self.take(host, request) if isinstance(request, Exchange) else self._others.idle(host, request)

    async def connect(self, upstream: Upstream, host: Host, request: Request) -> Line:
        """Raises ConnectFailed, ConnectTimedOut, Overloaded, Closed."""
        if isinstance(request, Exchange):
            return await self.dial(upstream, host, request)
        return await self._others.connect(upstream, host, request)

    def take(self, host: Host, request: Exchange) -> "Wire | None":
        """A connection that is ready at once."""
        pools = host.more_pools
        pool = pools.get(self._name) if pools is not None and request.scheme == b"http" else None
        if not isinstance(pool, HostPool) and (pool := self._find(host, request)) is None:
            return None
        wire = pool.take()
        assert wire is None or isinstance(wire, Wire)
        return wire

    async def dial(self, upstream: Upstream, host: Host, request: Exchange) -> "Wire":
        """The same, as soon as there is one. Raises ConnectTimedOut for the client's own connect timeout, too."""
        self._pools.check(upstream)
        pool = self._find(host, request) or self._begin(upstream, host, request)
        for trace in request.traces:
            await trace.send_connection_create_start()
        try:
            async with asyncio.timeout(request.patience):
                wire = await pool.wait(request)
        except TimeoutError as error:
            raise ConnectTimedOut(f"no connection to {host.name} within the client's {request.patience} s") from error
        assert isinstance(wire, Wire)
        if request.traces:
            await made(wire, request.traces)
        return wire

    def renew(self, host: Host) -> None:
        self._pools.renew(host)

    def close(self) -> list[asyncio.Future[None]]:
        """End all connections now; what to wait for."""
        ending: list[asyncio.Future[None]] = []
        for pool in self._begun:
            closing = [wire.closed for wire in pool.connections if isinstance(wire, Wire)]
            ending += [closed for closed in closing if closed is not None]
            ending += pool.dials
            pool.abort()
            discard(pool.host, pool)
        self._begun.clear()
        return ending

    def _find(self, host: Host, request: Exchange) -> HostPool | None:
        pool = host.more_pools.get(self._key(host, request)) if host.more_pools else None
        return pool if isinstance(pool, HostPool) else None

    def _key(self, host: Host, request: Exchange) -> str:
        """One pool for each peer's name, and for each TLS context that the caller brings."""
        if request.scheme == b"https":
            return f"{self._name}{server_name(request)} {id(request.context)}"
        return self._name + server_name(request) if host.tls is not None and host.tls.auto_sni else self._name

    def _begin(self, upstream: Upstream, host: Host, request: Exchange) -> HostPool:
        security = self._pools.security(host, request)
        if security is not None and request.context is not None:
            security = Security(request.context, request.host)
        breaker = upstream.high if self._urgent else upstream.breaker
        pool = HostPool(self._pools, upstream, host, security, speak, breaker=breaker)
        host.more_pools = {**(host.more_pools or {}), self._key(host, request): pool}
        self._begun -= {each for each in self._begun if each.draining and not (each.connections or each.dials)}
        self._begun.add(pool)
        return pool


async def made(connection: Connection, traces: list[Trace]) -> None:
    try:
        for trace in traces:
            await trace.send_connection_create_end()
    except BaseException:
        connection.abort()
        raise


async def speak(target: Target, cluster: Cluster, owner: Owner) -> Connection:
    """A fresh connection, to be parsed by aiohttp. Raises ConnectFailed."""
    loop = asyncio.get_running_loop()
    return await reach(target, cluster, lambda: Wire(loop, owner, target.name))
