"""All connection pools of a mesh: an idle connection without waiting, or a new one.

What is idle for too long goes at the next turn of one coarse timer, instead of a timer per connection.
"""

import asyncio
from asyncio import Future, Task, TimerHandle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ssl import SSLContext
from time import monotonic

from meshio.errors import Closed, ConnectFailed
from meshio.message import Request
from meshio.transport.connection import Connection
from meshio.transport.dial import is_ip
from meshio.transport.host_pool import HostPool, pools_of
from meshio.transport.tls import APPLICATION, Security, new_context
from meshio.upstream.cluster import ClientTls
from meshio.upstream.endpoint import Address, is_path
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

HIGH = "high "  # begins the key of a pool; no server name has a space
TURN = 1.0  # seconds between looks at idle connections: how late an idle timeout may be noticed


@dataclass(frozen=True, slots=True)
class Counters:
    """What the transport holds now; `dialled` counts the connections that were ever made."""

    open: int
    idle: int
    connecting: int
    waiting: int
    dialled: int


class Pools:
    """The pools of all hosts. `idle` never waits; `connect` does.

    A host carries its own pools (`Host.pool`, and `Host.more_pools` by server name), so that finding one
    costs nothing; kept here are those that have something open.

    `names` is asked for the addresses of a host name before the network's DNS is; () leaves it to that.
    """

    __slots__ = ("_closed", "_contexts", "_dialled", "_names", "_open", "_quiet", "_tasks", "_timer", "now")

    def __init__(self, names: Callable[[str], tuple[str, ...]] = lambda host: ()) -> None:
        self.now = monotonic
        self._names = names
        self._open: set[HostPool] = set()
        self._tasks: set[Task[None]] = set()
        self._contexts: dict[ClientTls, SSLContext] = {}
        self._timer: TimerHandle | None = None
        self._quiet: Future[None] | None = None
        self._closed = False
        self._dialled = 0

    def idle(self, host: Host, request: Request) -> Connection | None:
        """A connection that is ready at once, or None. Raises Overloaded."""
        pool = host.pool
        if host.tls is not None or request.scheme == b"https" or not isinstance(pool, HostPool) or pool.tls is not None:
            pool = find(host, request)
        return pool.take() if pool is not None and pool.idle else None

    async def connect(self, upstream: Upstream, host: Host, request: Request) -> Connection:
        """A connection, as soon as there is one.

        Raises ConnectFailed, ConnectTimedOut, Overloaded, Closed, and NoHealthyHost for one pool too many.
        """
        return await self.pool(upstream, host, request).wait(request)

    def high(self) -> "HighPools":
        """Those for requests of high priority."""
        return HighPools(self)

    def pool(self, upstream: Upstream, host: Host, request: Request) -> HostPool:
        """The pool that this request uses. Raises ConnectFailed for what cannot be connected to, Closed."""
        self.check(upstream)
        return find(host, request) or self._begin(upstream, host, request)

    def check(self, upstream: Upstream) -> None:
        """Raises ConnectFailed for a cluster that needs what we do not speak, Closed."""
        if self._closed:
            raise Closed("the mesh is closed")
        if upstream.cluster.http.version == "h2":
            raise ConnectFailed(
                f"the cluster {upstream.cluster.name} needs HTTP/2, which this version does not speak",
                "HTTP/2 is not supported",
            )

    def security(self, host: Host, request: Request) -> Security | None:
        """The TLS that this request needs to this host. Raises ConnectFailed for what cannot be done."""
        tls = wanted_tls(host, request)
        return None if tls is None else self._security(tls, server_name(request))

    def drain(self, hosts: Iterable[Host]) -> None:
        """These hosts have left: idle connections end now, busy ones with their exchange."""
        for host in hosts:
            for pool in pools_of(host):
                pool.drain()

    def renew(self, host: Host) -> None:
        """This host was ejected: its connections end as in `drain`, requests that still come get new ones.

        Envoy: `ClusterManagerImpl`, `postThreadLocalHealthFailure` on an outlier's change of state.
        """
        for pool in pools_of(host):
            pool.drain()
        host.pool = host.more_pools = None

    async def aclose(self) -> None:
        """End every connection, dial and upload, and return when they have ended."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        ending = [*self._tasks, *(task for pool in self._open for task in pool.dials)]
        for pool in list(self._open):
            pool.abort()
        for upload in self._tasks:
            upload.cancel()  # one whose exchange is over may still wait for what the caller does after the last byte
        await asyncio.gather(*ending, return_exceptions=True)
        if self._open:
            self._quiet = asyncio.get_running_loop().create_future()
            await self._quiet

    @property
    def counters(self) -> Counters:
        """Counted now, by walking what is open."""
        pools = self._open
        return Counters(
            open=sum(len(pool.connections) for pool in pools),
            idle=sum(len(pool.idle) for pool in pools),
            connecting=sum(len(pool.dials) for pool in pools),
            waiting=sum(len(pool.waiting) for pool in pools),
            dialled=self._dialled,
        )

    # What host_pool.Registry asks for

    def located(self, address: Address) -> tuple[Address, ...]:
        host, port = address
        known = () if is_ip(host) or is_path(host) else self._names(host)
        return tuple((each, port) for each in known) or (address,)

    def opened(self, pool: HostPool) -> None:
        self._open.add(pool)
        if self._timer is None:
            self.now = asyncio.get_running_loop().time
            self._timer = asyncio.get_running_loop().call_later(TURN, self._turn)

    def made(self) -> None:
        self._dialled += 1

    def closed(self, pool: HostPool) -> None:
        if pool.connections or pool.dials:
            return
        self._open.discard(pool)
        if not self._open and self._quiet is not None and not self._quiet.done():
            self._quiet.set_result(None)

    def hold(self, task: Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _turn(self) -> None:
        now = self.now()
        for pool in list(self._open):
            pool.expire(now)
        self._timer = asyncio.get_running_loop().call_later(TURN, self._turn) if self._open else None

    def _begin(self, upstream: Upstream, host: Host, request: Request) -> HostPool:
        """The pool that this request needs, new. Raises ConnectFailed for TLS that cannot be done."""
        tls = wanted_tls(host, request)
        pool = HostPool(self, upstream, host, self.security(host, request))
        if tls is None or not tls.auto_sni:
            if isinstance(host.pool, HostPool):
                host.pool.drain()  # its TLS was another
            host.pool = pool
        else:
            host.more_pools = {**(host.more_pools or {}), server_name(request): pool}
        return pool

    def _security(self, tls: ClientTls, host: str) -> Security:
        context = self._contexts.get(tls)
        if context is None:
            context = self._contexts[tls] = new_context(tls)  # loading the system's roots takes milliseconds
        return Security(context, host if tls.auto_sni else tls.sni, tls.subject_names)


class HighPools:
    """Connections for requests of high priority: in pools of their own, which count for limits of their own.

    To anybody else they are pools like the others (Envoy: source/common/upstream/priority_conn_pool_map.h).
    """

    __slots__ = ("_pools", "renew")

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self.renew = pools.renew

    def idle(self, host: Host, request: Request) -> Connection | None:
        """A connection that is ready at once, or None. Raises Overloaded."""
        pool = find_high(host, request)
        return pool.take() if pool is not None and pool.idle else None

    async def connect(self, upstream: Upstream, host: Host, request: Request) -> Connection:
        """A connection, as soon as there is one. Raises as `Pools.connect`."""
        self._pools.check(upstream)
        return await (find_high(host, request) or self._begin(upstream, host, request)).wait(request)

    def high(self) -> "HighPools":
        return self

    def _begin(self, upstream: Upstream, host: Host, request: Request) -> HostPool:
        security = self._pools.security(host, request)
        pool = HostPool(self._pools, upstream, host, security, breaker=upstream.high)
        pools, key = host.more_pools or {}, high_key(host, request)
        former = pools.get(key)
        if isinstance(former, HostPool):
            former.drain()  # its TLS was another
        host.more_pools = {**pools, key: pool}
        return pool


def high_key(host: Host, request: Request) -> str:
    """One pool of a host; one for each server name, where the request says it."""
    told = request.scheme == b"https" or (host.tls is not None and host.tls.auto_sni)
    return HIGH + server_name(request) if told else HIGH


def find_high(host: Host, request: Request) -> HostPool | None:
    """The pool that this request of high priority may use, if there is one already."""
    pool = host.more_pools.get(high_key(host, request)) if host.more_pools else None
    return pool if isinstance(pool, HostPool) and (pool.tls is host.tls or pool.tls == host.tls) else None


def find(host: Host, request: Request) -> HostPool | None:
    """The pool that this request may use, if there is one already."""
    tls, pool = host.tls, host.pool
    if request.scheme == b"https" or (tls is not None and tls.auto_sni):
        pool = host.more_pools.get(server_name(request)) if host.more_pools else None
    return pool if isinstance(pool, HostPool) and (pool.tls is tls or pool.tls == tls) else None


def wanted_tls(host: Host, request: Request) -> ClientTls | None:
    """What the mesh or the URL asks for. Raises ConnectFailed when both do."""
    if request.scheme != b"https":
        return host.tls
    if host.tls is not None:
        raise ConnectFailed(
            f"{host.name} gets TLS from the mesh; an https URL would put a second TLS into it: use http://",
            "TLS within TLS is not supported",
        )
    return APPLICATION


def server_name(request: Request) -> str:
    """What an https URL names, or what the Host header does where the mesh takes the name from there (auto_sni)."""
    if request.scheme == b"https":
        return request.host
    authority = request.authority.decode("latin-1")
    return authority if authority.endswith("]") else authority.partition(":")[0]
