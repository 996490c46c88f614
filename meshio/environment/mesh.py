"""The mesh as a program holds it: sources in, requests out, everything in between owned and closed."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from meshio.client.attempt import attempts
from meshio.client.listening import Listener
from meshio.client.native import Client, build
from meshio.client.probe import Prober, first_checks
from meshio.errors import Closed, ConfigError, NotReady
from meshio.mesh.branch import Branch
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.explain import explain
from meshio.mesh.explanation import Explanation
from meshio.mesh.manner import Attempt
from meshio.mesh.names import told_addresses
from meshio.mesh.overlay import merge
from meshio.mesh.reachable import reachable
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.mesh.source import Source
from meshio.message import Request, Response, Send
from meshio.registry.dns import Refresher
from meshio.registry.lookup import Lookups
from meshio.transport.pool import Pools
from meshio.transport.warm import warm
from meshio.upstream.endpoint import LoadAssignment
from meshio.upstream.upstream import Upstream

log = logging.getLogger("meshio")

WARM = 2.0  # seconds that a snapshot waits for the first look-ups, and the first one for the first health checks
PENDING = "pending"
RUNNING = "running"
ENDED = "closed"


class Mesh(Client):
    """A running mesh: `async with Mesh.from_env() as mesh: await mesh.get("http://reviews:9080/")`.

    sources         where the configuration comes from; the first one that knows a name wins
    ready_timeout   seconds that entering waits for the first complete snapshot; then NotReady says what is missing

    One event loop, one mesh. Once entered, it serves from what it has, whatever becomes of the sources.
    """

    def __init__(self, sources: Sequence[Source], *, ready_timeout: float = 10.0) -> None:
        super().__init__()
        if not sources:
            raise ConfigError("a mesh needs at least one source: use Mesh.from_env(), or hand one in")
        self._sources = tuple(sources)
        self._ready_timeout = ready_timeout
        self._state = PENDING
        self._pools = Pools(self._located)
        look_up = Lookups().look_up
        self._plane = Dataplane(self._sources[0].identity, attempts(self._pools), self._pools, look_up)
        self._resolver = Refresher(self._resolved, look_up)
        self._prober = Prober(self._pools, self._plane.examined)
        self._listener = Listener(self._pools)
        self._latest: dict[Source, Snapshot] = {}
        self._changed = asyncio.Event()
        self._ready: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, ready_timeout: float = 10.0) -> Self:
        """The mesh that the environment describes; see `meshio.environment.sources` for the precedence.

        Raises ConfigError that lists what was looked for.
        """
        from meshio.environment.sources import sources_from

        return cls(sources_from(environ), ready_timeout=ready_timeout)

    @property
    def identity(self) -> Identity:
        """Who this process is in the mesh."""
        return self._plane.identity

    @property
    def snapshot(self) -> Snapshot:
        """What is in service."""
        return self._plane.snapshot

    @property
    def upstreams(self) -> Mapping[str, Upstream]:
        """The live clusters with their hosts and counters."""
        return self._plane.upstreams

    @property
    def pools(self) -> Pools:
        """The connection pools, for their counters."""
        return self._pools

    def branch(self, attempt: Attempt) -> Branch:
        """The same mesh over other connections, for clients that bring their own."""
        return self._plane.branch(attempt)

    def route(self, request: Request) -> Send:
        """The way that a request goes, which raises RequestError where it fails; `send` is this and all around it."""
        return self._plane.route(request)

    def send(self, request: Request) -> Coroutine[Any, Any, Response]:
        """Send a request; what fails inside the mesh comes back as the response that Envoy would give.

        Raises Closed outside of `async with`, BadRequest for what cannot be sent.
        """
        return self._plane.send(request)

    def dispatch(self, request: Request) -> Coroutine[Any, Any, Response]:
        """Like `send`, but failures inside the mesh raise their RequestError."""
        return self._plane.dispatch(request)

    def explain(self, request: Request) -> Explanation:
        """Where this request would go, and why; nothing is sent."""
        self._check_running()
        return explain(self._plane, request)

    async def warm(self, service: str, connections: int = 1) -> int:
        """Connect to a service's healthy endpoints before the first request does: `await mesh.warm("reviews:9080")`.

        `service` is a host, with a port or without, or a URL; `connections` are per endpoint, and a cluster's
        limit holds. Returns how many are open then: endpoints that do not answer have none. Raises NoRoute,
        BadRequest, Closed, and ConnectFailed for a cluster that needs what meshio does not speak.
        """
        self._check_running()
        request = build("GET", service if "://" in service else f"http://{service}/")
        return await warm(self._pools, reachable(self._plane, request), request, connections)

    def _check_running(self) -> None:
        if self._state != RUNNING:
            raise Closed(f"the mesh is {self._state}: use it inside `async with`")

    async def __aenter__(self) -> Self:
        if self._state != PENDING:
            raise Closed(f"this mesh is {self._state}; make a new one")
        self._state = RUNNING
        self._ready = asyncio.get_running_loop().create_future()
        log.info("mesh starts from %s as %s", self._origin(), self.identity)
        self._own(self._publisher())
        for source in self._sources:
            self._own(self._pump(source))
        try:
            await self._first_snapshot(self._ready)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def _first_snapshot(self, ready: asyncio.Future[None]) -> None:
        done, _ = await asyncio.wait({ready}, timeout=self._ready_timeout)
        if not done:
            raise NotReady(f"no complete snapshot after {self._ready_timeout:g} s: {self._missing()}")
        if ready.cancelled():
            raise Closed("the mesh was closed while it was entered")
        ready.result()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._watch)

    def _watch(self, task: asyncio.Task[None]) -> None:
        """What breaks a task of ours is the news for who enters; later the last snapshot goes on serving."""
        if self._state != RUNNING or task.cancelled() or (error := task.exception()) is None:
            return
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(error)
        else:
            log.critical("updates have stopped; the last snapshot goes on serving", exc_info=error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop everything the mesh started; idempotent. Requests under way end with a reset."""
        if self._state == ENDED:
            return
        self._state = ENDED
        if self._ready is not None:
            self._ready.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._resolver.aclose()
        await self._prober.aclose()
        await self._listener.aclose()
        await self._plane.aclose()
        await self._pools.aclose()

    def __repr__(self) -> str:
        counts = f"{len(self.snapshot.clusters)} clusters, {len(self.snapshot.routes)} route tables"
        return f"<Mesh {self._state} from {self._origin()}: {counts}>"

    def _origin(self) -> str:
        return " + ".join(str(source) for source in self._sources)

    def _missing(self) -> str:
        told = [text for source in self._sources if (text := source.missing())]
        return "; ".join(told) or "the sources have answered nothing yet"

    async def _pump(self, source: Source) -> None:
        async with aclosing(source.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._latest[source] = snapshot
                self._changed.set()
        if source not in self._latest:
            raise NotReady(f"{source} ended without a snapshot: {source.missing()}")

    async def _publisher(self) -> None:
        """The one writer. What changes while it prepares is taken over in the next round."""
        while await self._changed.wait():
            self._changed.clear()
            if len(self._latest) == len(self._sources):
                await self._attempt(merge(tuple(self._latest[source] for source in self._sources)))

    async def _attempt(self, snapshot: Snapshot) -> None:
        """A snapshot that breaks us must not keep the next one from service. The first one's error is who enters's."""
        try:
            await self._take_over(snapshot)
        except Exception:
            if self._ready is None or not self._ready.done():
                raise
            log.critical("an update could not be taken over; the last one goes on serving", exc_info=True)

    async def _take_over(self, snapshot: Snapshot) -> None:
        """Prepare in steps, then publish in one."""
        found = await self._resolver.follow(snapshot.clusters, WARM)
        await self._plane.prepare(snapshot)
        self._pools.drain(self._plane.publish(snapshot))
        for name, assignment in found.items():
            self._resolved(name, assignment)
        self._listener.follow(self.upstreams.values())
        checks = self._prober.follow(self.upstreams.values())
        if self._ready is not None and not self._ready.done():
            await first_checks(checks, WARM)
            self._ready.set_result(None)

    def _located(self, host: str) -> tuple[str, ...]:
        return told_addresses(host, self.snapshot.names, self.identity)

    def _resolved(self, name: str, assignment: LoadAssignment) -> None:
        self._pools.drain(self._plane.resolved(name, assignment))
        self._listener.follow(self.upstreams.values())
        self._prober.follow(self.upstreams.values())
