"""The published state, and the only place that changes it."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Protocol
from weakref import WeakSet

from meshio.balancing.hashing import compile_hash
from meshio.balancing.zone import Senders
from meshio.mesh.branch import Branch
from meshio.mesh.directory import Directories, nobody
from meshio.mesh.forward import Composer
from meshio.mesh.freshness import Freshness
from meshio.mesh.manner import Attempt
from meshio.mesh.names import Tables
from meshio.mesh.plan import Locator
from meshio.mesh.snapshot import EMPTY, Identity, Snapshot
from meshio.naming.cache import NameCache
from meshio.naming.resolver import LookUp
from meshio.routing.regex import compile_regex
from meshio.upstream.aggregate import Aggregated
from meshio.upstream.cluster import Aggregate, Cluster, Dns, DynamicForward, Eds, Static
from meshio.upstream.endpoint import Address, LoadAssignment
from meshio.upstream.host import UNFIT, Host
from meshio.upstream.roster import Roster
from meshio.upstream.standing import senders
from meshio.upstream.upstream import Upstream

STEP = 0.005  # seconds that preparing a snapshot may keep the loop before it yields


class Connections(Protocol):
    """What becomes of connections when something happens between two updates."""

    def drain(self, hosts: Iterable[Host]) -> None:
        """These hosts have left."""

    def renew(self, host: Host) -> None:
        """The host stays; its connections are to end as they become idle."""


class Dataplane(Branch):
    """What is in service: live upstreams, and the plan compiled over them.

    `publish` is the only writer and never awaits, so no request sees half of an update; readers take
    `route` once and keep what it gave them.
    """

    def __init__(
        self, identity: Identity, attempt: Attempt, connections: Connections | None = None, look_up: LookUp = nobody
    ) -> None:
        self.identity = identity
        self.connections = connections
        self.snapshot: Snapshot = EMPTY
        self.upstreams: dict[str, Upstream] = {}
        self._directories = Directories(look_up, self._forgotten)
        made_of = (self.upstreams, attempt, self._start, identity.address, self.examined, self._directories)
        super().__init__(Composer(*made_of))
        self._branches: WeakSet[Branch] = WeakSet()
        self._tables = Tables()
        self._fresh: dict[str, Upstream] = {}
        self._rosters: dict[str, Roster] = {}
        self._locator: Locator | None = None
        self._stale = False  # something that ways are compiled from has changed
        self._senders: Senders | None = None
        self._replaced = False
        self._freshness = Freshness()
        self._shadows: set[asyncio.Task[None]] = set()
        self._key = partial(compile_hash, address=identity.address, substitute=compile_regex)
        self._later = self._finish_later  # one object for thousands of upstreams
        self._sweep: asyncio.TimerHandle | None = None

    def branch(self, attempt: Attempt) -> Branch:
        """The same decisions over other connections. It follows the updates for as long as somebody holds it."""
        branch = Branch(replace(self.composer, attempt=attempt))
        if self.plan is not None:
            branch.follow(self.snapshot, self.plan.locator)
        self._branches.add(branch)
        return branch

    async def prepare(self, snapshot: Snapshot) -> None:
        """Build the upstreams and hosts that a snapshot adds, in steps, so that `publish` has little left to do.

        They serve nobody before they are published, so it does not matter that this awaits. To be followed
        by `publish` of the same snapshot.
        """
        began = monotonic()
        for _ in self._preparations(snapshot):
            if monotonic() - began > STEP:
                await asyncio.sleep(0)
                began = monotonic()

    def _preparations(self, snapshot: Snapshot) -> Iterator[None]:
        self._fresh.clear()
        self._rosters.clear()
        for name, cluster in self._changed(snapshot):
            upstream = self.upstreams.get(name)
            if upstream is None:
                upstream = self._fresh[name] = self._made(cluster)
            assignment = assignment_of(cluster, snapshot)
            if assignment is not None and (roster := upstream.draft(cluster, assignment)) is not None:
                yield from roster.steps()
                self._rosters[name] = roster
            if name in self._fresh:
                upstream.update(cluster, assignment or LoadAssignment(name), self._rosters.pop(name, None))
                yield from upstream.build()
            yield
        if self.plan is None or rebinds(self.snapshot, snapshot):
            for table in snapshot.routes.values():
                self._tables.told(table)
                yield
            self._locator = Locator(snapshot, self.identity, self._tables)

    def publish(self, snapshot: Snapshot) -> list[Host]:
        """Put a snapshot in service and return the hosts that left. Does not await: atomic by construction."""
        left = self._update_upstreams(snapshot)
        gone = self.upstreams.keys() - snapshot.clusters.keys()
        left += [host for name in gone for host in self.upstreams.pop(name).retire()]
        if self.identity.local_cluster:
            self._locate_senders()
        for upstream in self.upstreams.values():
            if isinstance(upstream, Aggregated):
                upstream.gather(self.upstreams)
        if self.plan is None or self._replaced or self._stale or rebinds(self.snapshot, snapshot):
            self._replaced = False
            self._tables.forget_others(snapshot.routes)
            locator = self._locator
            if locator is None or locator.snapshot is not snapshot:
                locator = Locator(snapshot, self.identity, self._tables)
            for branch in (self, *self._branches):
                branch.follow(snapshot, locator, anew=self._stale)
            self._stale = False
        self.snapshot = snapshot
        self._directories.follow(snapshot)
        self.sweep()
        return left

    def resolved(self, name: str, assignment: LoadAssignment) -> list[Host]:
        """The resolver's answer for a DNS cluster; returns the hosts that left."""
        upstream = self.upstreams.get(name)
        if upstream is None:
            return []
        left = self._update(upstream, self.snapshot.clusters[name], assignment)
        self.sweep()
        return left

    def _update(
        self, upstream: Upstream, cluster: Cluster, assignment: LoadAssignment, roster: Roster | None = None
    ) -> list[Host]:
        before = upstream.retire() if cluster.close_on_change else []
        left = upstream.update(cluster, assignment, roster)
        if before and before != upstream.retire() and self.connections is not None:
            gone = set(left)
            for host in before:
                if host not in gone:
                    self.connections.renew(host)
        return left

    def _forgotten(self, cache: NameCache, address: Address) -> None:
        """Nobody has asked for a name for long enough: the host of that name goes, too."""
        for upstream in self.upstreams.values():
            discovery = upstream.cluster.discovery
            if isinstance(discovery, DynamicForward) and discovery.cache == cache and self.connections is not None:
                self.connections.drain(upstream.forget(address))

    def _forget_stale(self, now: float) -> None:
        """Endpoints that were not told again in time are gone."""
        for name in self._freshness.expired(now):
            cluster = self.snapshot.clusters[name]
            left = self._update(self.upstreams[name], cluster, LoadAssignment(name))
            if self.connections is not None:
                self.connections.drain(left)

    def examined(self, upstream: Upstream, host: Host) -> None:
        """A health check has changed how a host stands."""
        left = upstream.examined(host)
        if self.connections is not None:
            self.connections.drain(left)
            if not left and host.condition is UNFIT:
                self.connections.renew(host)

    def _locate_senders(self) -> None:
        """The local cluster has changed, or others are new: zones are compared anew."""
        local = self.upstreams.get(self.identity.local_cluster)
        found = senders(local.groups, self.identity.locality) if local is not None else None
        if found != self._senders:
            self._senders = found
        if local is not None:
            local.follow(self._locate_senders)
        for upstream in self.upstreams.values():
            upstream.compare(self._senders)

    def sweep(self) -> None:
        """Let hosts return from ejection, at the time the first of them wants to."""
        loop, now = asyncio.get_running_loop(), monotonic()
        if self._sweep is not None:
            self._sweep.cancel()
        self._forget_stale(now)
        due = [at for upstream in self.upstreams.values() if (at := self._swept(upstream, now)) is not None]
        if (at := self._freshness.due()) is not None:
            due.append(at)
        self._sweep = loop.call_later(max(0.0, min(due) - now), self.sweep) if due else None

    def _swept(self, upstream: Upstream, now: float) -> float | None:
        due = upstream.sweep(now)
        if self.connections is not None:
            for host in upstream.went:
                self.connections.renew(host)
        return due

    async def aclose(self) -> None:
        """Stop serving; requests under way are not touched."""
        for branch in (self, *self._branches):
            branch.retire()
        if self._sweep is not None:
            self._sweep.cancel()
        for upstream in self.upstreams.values():
            upstream.give_up()
        for shadow in self._shadows:
            shadow.cancel()
        await asyncio.gather(*self._shadows, return_exceptions=True)
        await self._directories.aclose()

    def _update_upstreams(self, new: Snapshot) -> list[Host]:
        left: list[Host] = []
        changed = self._changed(new)
        self._freshness.note(new, [name for name, _ in changed], monotonic())
        for name, cluster in changed:
            fresh = self._fresh.pop(name, None)
            if fresh is not None and name not in self.upstreams:
                self.upstreams[name] = fresh
                continue
            upstream = self.upstreams.get(name)
            if upstream is not None and isinstance(upstream, Aggregated) != isinstance(cluster.discovery, Aggregate):
                left += upstream.retire()
                upstream, self._replaced = None, True
            elif upstream is not None and (upstream.cluster.health_check is None) != (cluster.health_check is None):
                self._replaced = True
            if upstream is None:
                upstream = self.upstreams[name] = self._made(cluster)
            elif compiled(upstream.cluster) != compiled(cluster):
                self._stale = True
            assignment = assignment_of(cluster, new) or resolved_before(cluster, upstream)
            left += self._update(upstream, cluster, assignment, self._rosters.pop(name, None))
        return left

    def _made(self, cluster: Cluster) -> Upstream:
        """What such a cluster becomes when it is new."""
        if isinstance(cluster.discovery, Aggregate):
            return Aggregated(self._later)
        return Upstream(self._later, self._key, self._directories.known)

    def _changed(self, new: Snapshot) -> list[tuple[str, Cluster]]:
        """The clusters whose settings or endpoints are not the objects that are in service."""
        clusters, old, fresh, known = self.snapshot.clusters, self.snapshot.assignments, new.assignments, self.upstreams
        changed = []
        for name, cluster in new.clusters.items():
            if clusters.get(name) is cluster and name in known:
                discovery = cluster.discovery
                if not isinstance(discovery, Eds) or old.get(discovery.service) is fresh.get(discovery.service):
                    continue
            changed.append((name, cluster))
        return changed

    def _finish_later(self, upstream: Upstream) -> bool:
        """A pick takes long to build. One that nobody asks for yet is finished by `_preparations`."""
        if upstream.name not in self._fresh:
            self._start(gently(upstream.build()))
        return True

    def _start(self, shadow: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(shadow)
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)


def assignment_of(cluster: Cluster, snapshot: Snapshot) -> LoadAssignment | None:
    """The endpoints that a snapshot holds for a cluster; None where a resolver or the request says them."""
    match cluster.discovery:
        case Eds(service):
            return snapshot.assignments.get(service)
        case Static(assignment):
            return assignment
        case _:
            return None


def resolved_before(cluster: Cluster, upstream: Upstream) -> LoadAssignment:
    """A DNS cluster whose settings change keeps the addresses that it has."""
    known = upstream.assignment if isinstance(cluster.discovery, Dns) else None
    return known or LoadAssignment(cluster.name)


def compiled(cluster: Cluster) -> tuple[object, ...]:
    """What the ways to a cluster are compiled from: routes have to be bound anew when it changes."""
    cache = cluster.discovery.cache if isinstance(cluster.discovery, DynamicForward) else None
    http, own = cluster.http, (cluster.retry, cluster.hash_policies, cluster.filters)
    return http.max_stream_duration, http.errors, own, cache


def rebinds(old: Snapshot, new: Snapshot) -> bool:
    """Endpoints come and go inside an upstream; only names, listeners, routes and cluster names rebind."""
    return (
        old.clusters.keys() != new.clusters.keys()
        or old.routes != new.routes
        or old.listeners != new.listeners
        or old.names != new.names
    )


async def gently(steps: Iterator[None]) -> None:
    """Work in steps, of which each takes less than the loop can wait."""
    for _ in steps:
        await asyncio.sleep(0)
