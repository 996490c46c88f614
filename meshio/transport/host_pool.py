"""The connections to one host, LIFO, as Envoy's pool keeps them (conn_pool/conn_pool_base.cc).

A pending request dials one connection, unless the cluster's connection limit forbids it; whatever
connection is free first, fresh or used, serves the request that has waited longest. A dial that fails fails
all requests that wait for that host. A request is under way from when it has its connection until that is free again.
"""

import asyncio
from asyncio import Future, Task
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from meshio.errors import ConnectFailed, NoHealthyHost, Overloaded
from meshio.message import Request
from meshio.transport.connection import Connection, Owner
from meshio.transport.dial import Target, dial
from meshio.transport.tls import Security
from meshio.upstream.breaker import Breaker
from meshio.upstream.cluster import Cluster
from meshio.upstream.endpoint import Address
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

Speak: TypeAlias = Callable[[Target, Cluster, Owner], Awaitable[Connection]]
"""How a connection is made: a protocol over a socket."""


class Registry(Protocol):
    """The pools of all hosts, as one of them sees them."""

    now: Callable[[], float]

    def located(self, address: Address) -> tuple[Address, ...]:
        """Where the mesh says that this is; the address itself where it does not know."""

    def opened(self, pool: "HostPool") -> None:
        """The pool has a dial or a connection."""

    def made(self) -> None:
        """One more connection was made."""

    def closed(self, pool: "HostPool") -> None:
        """A dial or a connection has ended."""

    def hold(self, task: Task[None]) -> None:
        """Keep a task until it has ended."""


class HostPool:
    """The connections to one host, under one kind of TLS. It is its connections' `Owner`.

    breaker    counts for the priority of the requests that come here
    tls        the host's TLS when this pool was made; another one means another pool
    open       it has connections, or makes one
    draining   the host has left: connections end with the exchange that they are in
    ended      the mesh is closed: nothing new begins
    """

    __slots__ = (
        "_registry", "_speak", "breaker", "connections", "dials", "draining", "ended", "host", "idle", "open",
        "security", "tls", "upstream", "waiting",
    )  # fmt: skip

    def __init__(
        self,
        registry: Registry,
        upstream: Upstream,
        host: Host,
        security: Security | None,
        speak: Speak = dial,
        *,
        breaker: Breaker | None = None,
    ) -> None:
        self._registry = registry
        self._speak = speak
        self.upstream = upstream
        self.breaker = breaker or upstream.breaker
        self.host = host
        self.security = security
        self.tls = host.tls
        self.open = self.draining = self.ended = False
        self.idle: list[Connection] = []
        self.connections: set[Connection] = set()
        self.dials: set[Task[None]] = set()
        self.waiting: deque[Future[Connection]] = deque()

    def take(self) -> Connection | None:
        """The idle connection that was used last: the likeliest to be alive. Raises Overloaded."""
        while self.idle:
            connection = self.idle.pop()
            if connection.alive:
                breaker, host = self.breaker, self.host
                if breaker.active >= breaker.most:
                    self.idle.append(connection)
                    raise breaker.crowded()
                connection.busy = True
                breaker.active += 1
                host.inflight += 1
                host.requests += 1
                return connection
        return None

    async def wait(self, request: Request) -> Connection:
        """A connection that is free, or the first that becomes so.

        Raises ConnectFailed, Overloaded, and NoHealthyHost where the cluster has as many pools as it may.
        """
        breaker = self.breaker
        if breaker.limits.pools is not None and not self.open:
            self.claim(breaker.limits.pools)
        breaker.queue()
        try:
            while True:
                connection = await self.next_free(request)
                if connection.alive or not connection.served:
                    return self.begin(connection)
                # its last exchange handed it over and the peer closed it in the same turn: nothing of ours was sent
        finally:
            request.stage = "read"
            breaker.pending -= 1

    def begin(self, connection: Connection) -> Connection:
        """Use a connection that a request has waited for. Raises Overloaded."""
        if not connection.alive:
            return connection  # who uses it, hears of it
        self.idle.append(connection)
        try:
            self.take()
        except Overloaded:
            self.release(self.idle.pop())  # to who waits behind this one
            raise
        return connection

    def claim(self, most: int) -> None:
        """A place among the cluster's pools, of which there may be so many. Raises NoHealthyHost, as Envoy does.

        Of a host's own pools an idle one makes room (conn_pool_map_impl.h: `freeOnePool`).
        """
        if self.breaker.pools < most:
            return
        for other in pools_of(self.host):
            unused = len(other.idle) == len(other.connections) and not other.dials
            if other.open and other.breaker is self.breaker and unused:
                other.drain()
                discard(self.host, other)
                return
        raise NoHealthyHost(f"cluster {self.upstream.name!r} has connections to {self.breaker.pools} hosts already")

    async def next_free(self, request: Request) -> Connection:
        if self.ended:
            raise ConnectFailed("the mesh was closed")
        waiter: Future[Connection] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        self.dial_enough()
        request.stage = "connect" if len(self.dials) >= len(self.waiting) else "pool"
        try:
            return await waiter
        except BaseException:
            self.forget(waiter)
            raise

    def forget(self, waiter: Future[Connection]) -> None:
        """A request was given up: leave neither its place, nor its connection, nor its dial behind."""
        if waiter in self.waiting:
            self.waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.release(waiter.result())
        excess = len(self.dials) - len(self.waiting)
        for task in list(self.dials)[: max(0, excess)]:
            task.cancel()

    def dial_enough(self) -> None:
        """One dial per waiting request, as far as the cluster's limit allows; always one for a host without any."""
        while len(self.dials) < len(self.waiting):
            if (self.dials or self.connections) and not self.has_room():
                return
            self.begin_dial()

    def has_room(self) -> bool:
        """Whether the cluster's limits leave room for another connection."""
        breaker, limits = self.breaker, self.breaker.limits
        if limits.per_host is not None:
            own = pools_of(self.host)  # whatever their priority
            if sum(len(each.connections) + len(each.dials) for each in own) >= limits.per_host:
                return False
        return breaker.connections < limits.connections

    def begin_dial(self) -> None:
        self.breaker.connections += 1
        if not self.open:
            self.open = True
            self.breaker.pools += 1
        self._registry.opened(self)
        task = asyncio.get_running_loop().create_task(self.dial())
        self.dials.add(task)
        task.add_done_callback(self.dialled)

    async def warm(self, count: int) -> int:
        """Have `count` connections, as far as the cluster's limit allows, and return how many there are."""
        while len(self.connections) + len(self.dials) < count and self.has_room():
            self.begin_dial()
        if self.dials:
            await asyncio.wait(self.dials)
        return len(self.connections)

    async def dial(self) -> None:
        """Make one connection and serve the longest wait with it."""
        endpoint = self.host.endpoint
        target = Target(self.host.name, (*self._registry.located(endpoint.address), *endpoint.others), self.security)
        connection = await self._speak(target, self.upstream.cluster, self)
        if not connection.alive:
            raise ConnectFailed(f"{self.host.name} closed the connection at once", "connection closed")
        self.connections.add(connection)
        self._registry.made()
        self.release(connection)

    def dialled(self, task: Task[None]) -> None:
        """A dial is over. Its failure is everybody's who waits for this host (Envoy: purgePendingStreams)."""
        self.dials.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            self.breaker.connections -= 1
        if error is not None:
            self.purge(error)
        self.dial_enough()
        self.closed()

    def closed(self) -> None:
        """A dial or a connection has ended, maybe the last one."""
        if not self.connections and not self.dials:
            self.vacate()
        self._registry.closed(self)

    def vacate(self) -> None:
        """Give up the place among the cluster's pools."""
        if self.open:
            self.open = False
            self.breaker.pools -= 1

    def purge(self, error: BaseException) -> None:
        waiting, self.waiting = self.waiting, deque()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(again(error))

    # What connection.Owner asks for

    def release(self, connection: Connection) -> None:
        """To the longest wait, else to the idle ones, unless it has done its share. Ends the exchange it was in."""
        if connection.busy:
            connection.busy = False
            self.breaker.active -= 1
            self.host.inflight -= 1
        if not connection.alive:
            return
        http = self.upstream.cluster.http
        mortal = http.max_requests_per_connection or http.max_connection_duration is not None
        if mortal and connection.served and self.worn(connection):
            connection.close()
            return
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if self.draining:
            connection.close()
            return
        connection.since = self._registry.now()
        self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """Gone, by whoever's will. Who waits may now dial."""
        if connection.busy:
            self.release(connection)
        if connection not in self.connections:
            return  # it never got further than its dial, which counts it
        self.connections.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        self.breaker.connections -= 1
        self.dial_enough()
        self.closed()

    def hold(self, task: Task[None]) -> None:
        self._registry.hold(task)

    def worn(self, connection: Connection) -> bool:
        """Enough requests, or old enough."""
        http = self.upstream.cluster.http
        if http.max_requests_per_connection and connection.served >= http.max_requests_per_connection:
            return True
        longest = http.max_connection_duration
        return longest is not None and self._registry.now() - connection.born >= longest

    def expire(self, now: float) -> None:
        """Close what was idle for too long, or has grown too old while idle."""
        longest = self.upstream.cluster.http.idle_timeout
        for connection in list(self.idle):
            if (longest is not None and now - connection.since >= longest) or self.worn(connection):
                self.idle.remove(connection)
                connection.close()

    def drain(self) -> None:
        """Idle connections end now, others with their exchange. A pool that comes after this one has its place."""
        self.draining = True
        self.vacate()
        idle, self.idle = self.idle, []
        for connection in idle:
            connection.close()

    def abort(self) -> None:
        """Everything ends now."""
        self.ended = True
        self.drain()
        for task in self.dials:
            task.cancel()
        self.purge(ConnectFailed("the mesh was closed"))
        for connection in list(self.connections):
            connection.abort()


def pools_of(host: Host) -> list[HostPool]:
    """Every pool of a host."""
    pools = [host.pool, *(host.more_pools or {}).values()]
    return [pool for pool in pools if isinstance(pool, HostPool)]


def discard(host: Host, pool: HostPool) -> None:
    """No request finds this pool any more."""
    if host.pool is pool:
        host.pool = None
    host.more_pools = {key: kept for key, kept in (host.more_pools or {}).items() if kept is not pool}


def again(error: BaseException) -> BaseException:
    """The same failure for one more request: an exception that is raised twice mixes two tracebacks."""
    if not isinstance(error, ConnectFailed):
        return error
    twin = type(error)(str(error), error.failure)
    twin.__cause__ = error.__cause__
    return twin
