"""How one host is asked whether it is well: over HTTP, TCP or gRPC. Envoy: source/extensions/health_checkers."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from meshio.errors import ConnectFailed, ConnectTimedOut, RequestError
from meshio.message import Request, Response
from meshio.resilience.checkup import Failure
from meshio.routing.mutation import HeaderMutation, HeaderValue, compile_mutation
from meshio.transport.dial import Target, dial, reach
from meshio.transport.h1 import H1
from meshio.transport.pool import Pools
from meshio.upstream.cluster import Cluster
from meshio.upstream.endpoint import Address
from meshio.upstream.health_check import GrpcProbe, HealthCheck, HttpProbe, TcpProbe, holds, in_ranges
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

AGENT = b"Envoy/HC"  # what hosts know such questions by


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `failure` None: the host is well."""

    failure: Failure | None = None
    degraded: bool = False
    excluded: bool = False


WELL = Finding()
SILENT = Finding("network")


class Asker(Protocol):
    """One way to ask one host."""

    async def ask(self) -> Finding:
        """Ask once. Cancelled when it takes too long."""

    async def rest(self, seconds: float) -> Finding | None:
        """Wait until the next time; returns early with what happens meanwhile."""

    def close(self) -> None:
        """Let go of the connection."""


def asker_for(upstream: Upstream, host: Host, check: HealthCheck, pools: Pools) -> Asker:
    """What the kind of check needs."""
    match check.probe:
        case HttpProbe() as probe:
            return HttpAsker(upstream, host, check, pools, probe)
        case TcpProbe() as probe:
            return TcpAsker(upstream, host, check, pools, probe)
        case GrpcProbe() as probe:
            from meshio.client.asking_grpc import GrpcAsker  # loads grpclib, which few need here

            return GrpcAsker(upstream, host, check, pools, probe)


class Line:
    """Where to ask: the address of health checks, and the TLS of requests."""

    def __init__(self, upstream: Upstream, host: Host, check: HealthCheck, pools: Pools) -> None:
        self.cluster: Cluster = upstream.cluster
        self.host, self.check = host, check
        self._pools = pools

    def authority(self, own: str) -> str:
        """Envoy: `HealthCheckerFactory::getHostname`."""
        return self.host.endpoint.check.hostname or own or self.cluster.name

    @property
    def addresses(self) -> tuple[Address, ...]:
        endpoint = self.host.endpoint
        check = endpoint.check
        if check.address is None and not check.port:
            return (endpoint.address, *endpoint.others)
        address, port = check.address or endpoint.address
        return ((address, check.port or port),)

    def target(self, request: Request) -> Target:
        """Raises ConnectFailed for TLS that cannot be done."""
        return Target(self.host.name, self.addresses, self._pools.security(self.host, request))


class HttpAsker:
    """A request and what its answer has to be. It owns its connection (`transport.connection.Owner`)."""

    def __init__(self, upstream: Upstream, host: Host, check: HealthCheck, pools: Pools, probe: HttpProbe) -> None:
        self._line = Line(upstream, host, check, pools)
        self._probe = probe
        added = tuple(HeaderValue(h.name, h.value, h.action, h.keep_empty) for h in probe.add)  # type: ignore[arg-type]
        self._change = compile_mutation(HeaderMutation(added, probe.remove))
        self._service = probe.service.test() if probe.service is not None else None
        self._connection: H1 | None = None

    async def ask(self) -> Finding:
        request = self._question()
        try:
            connection = self._connection
            if connection is None or not connection.alive:
                connection = self._connection = await dial(self._line.target(request), self._line.cluster, self)
            response = await connection.send(request)
            body = await self._body(response)
        except RequestError:
            self.close()
            return SILENT
        finding = self._judge(response, body)
        if not self._line.check.reuse or not connection.alive:
            self.close()
        return finding

    def _question(self) -> Request:
        probe = self._probe
        authority = self._line.authority(probe.host)
        headers = [(b"user-agent", AGENT)]
        host, port = self._line.addresses[0]
        request = Request(
            probe.method.encode(), authority.encode(), probe.path.encode(), headers, probe.send, host=host, port=port
        )
        if self._change is not None:
            self._change(request, None)
        return request

    async def _body(self, response: Response) -> bytes:
        """All that is looked at; the rest has to arrive, too."""
        found, most = bytearray(), self._probe.most
        async for chunk in response.body:
            if not most or len(found) < most:
                found += chunk if not most else chunk[: most - len(found)]
        return bytes(found)

    def _judge(self, response: Response, body: bytes) -> Finding:
        probe, status = self._probe, response.status
        excluded = response.header(b"x-envoy-immediate-health-check-fail") is not None
        if not holds(body, probe.receive):
            return Finding("answer", excluded=excluded)
        if not in_ranges(status, probe.expected):
            retriable = in_ranges(status, probe.retriable)
            return Finding("answer to retry" if retriable else "answer", excluded=excluded)
        name = response.header(b"x-envoy-upstream-healthchecked-cluster") or b""
        if self._service is not None and not self._service(name):
            return Finding("answer")
        return Finding(degraded=response.header(b"x-envoy-degraded") is not None)

    async def rest(self, seconds: float) -> Finding | None:
        await asyncio.sleep(seconds)
        return None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    # What transport.connection.Owner asks for

    def release(self, connection: object) -> None:
        """The next question may use it."""

    def lost(self, connection: object) -> None:
        if connection is self._connection:
            self._connection = None

    def hold(self, task: asyncio.Task[None]) -> None:
        """A question's body is bytes: nothing sends it in a task."""


class TcpAsker:
    """Bytes there and bytes back, or just a connection."""

    def __init__(self, upstream: Upstream, host: Host, check: HealthCheck, pools: Pools, probe: TcpProbe) -> None:
        self._line = Line(upstream, host, check, pools)
        self._probe = probe
        self._wire: Wire | None = None

    async def ask(self) -> Finding:
        wire = self._wire
        try:
            if wire is None:
                question = Request(b"GET", self._line.cluster.name.encode(), b"/", [])
                wire = self._wire = await reach(self._line.target(question), self._line.cluster, Wire)
        except (ConnectFailed, ConnectTimedOut):
            return SILENT
        if not self._probe.receive:
            self.close()
            return WELL
        wire.write(self._probe.send)
        while not holds(bytes(wire.came), self._probe.receive):
            if wire.over:
                self.close()
                return SILENT
            await wire.news()
        wire.came.clear()
        if not self._line.check.reuse:
            self.close()
        return WELL

    async def rest(self, seconds: float) -> Finding | None:
        """A connection that is kept must not end meanwhile: that is a failure, too (tcp/health_checker_impl.cc)."""
        wire = self._wire
        try:
            async with asyncio.timeout(seconds):
                while wire is not None and not wire.over:
                    await wire.news()
                if wire is None:
                    await asyncio.sleep(seconds)
        except TimeoutError:
            return None
        if wire is None:
            return None
        self.close()
        return SILENT

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()


class Wire(asyncio.Protocol):
    """A connection for bytes. `over` when the peer has closed it."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.over = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.came += data
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over = True
        self._news.set()

    async def news(self) -> None:
        """Wait for bytes or the end."""
        await self._news.wait()
        self._news.clear()

    def write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
