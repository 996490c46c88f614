"""STRICT_DNS and LOGICAL_DNS clusters: names to addresses, again and again.

Each name of a cluster is looked up for itself, as in Envoy (strict_dns_cluster.cc, logical_dns_cluster.cc): one that
fails keeps the addresses that it had and does not hold up the others.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from random import random

from meshio.mesh.names import is_address
from meshio.naming.resolver import Answer, LookUp, failure_pause
from meshio.upstream.cluster import Cluster, Dns
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints, is_path

log = logging.getLogger("meshio.dns")


class Refresher:
    """Keeps the DNS clusters of a snapshot resolved. `resolved(cluster, assignment)` takes each answer."""

    def __init__(self, resolved: Callable[[str, LoadAssignment], None], look_up: LookUp) -> None:
        self._resolved = resolved
        self._look_up = look_up
        self._live: dict[Cluster, Resolution] = {}

    async def follow(self, clusters: Mapping[str, Cluster], warm: float) -> dict[str, LoadAssignment]:
        """Begin with the new DNS clusters, and forget those that left.

        Returns what was found of the new ones, of whose names each has had `warm` seconds for its first answer.
        """
        wanted = {cluster for cluster in clusters.values() if isinstance(cluster.discovery, Dns)}
        for cluster in self._live.keys() - wanted:
            self._live.pop(cluster).cancel()
        new = {cluster: Resolution(cluster, self._look_up) for cluster in wanted - self._live.keys()}
        self._live.update(new)
        await first_answers(new.values(), warm)
        found = {}
        for cluster, live in new.items():
            if live.answers:
                found[cluster.name] = live.assignment()
            live.follow = self._resolved
        return found

    async def aclose(self) -> None:
        """Stop refreshing."""
        tasks = [task for live in self._live.values() for task in live.cancel()]
        self._live.clear()
        await asyncio.gather(*tasks, return_exceptions=True)


class Resolution:
    """The names of one cluster, each with a task that looks it up again and again.

    answers   addresses by name, of the names that were answered yet
    follow    who is told of each further answer
    """

    def __init__(self, cluster: Cluster, look_up: LookUp) -> None:
        assert isinstance(cluster.discovery, Dns)
        self.cluster = cluster
        self.settings = cluster.discovery
        self.answers: dict[str, tuple[str, ...]] = {}
        self.follow: Callable[[str, LoadAssignment], None] | None = None
        self._look_up = look_up
        self._reasons: dict[str, str] = {}  # why a name has no address: told once
        names = dict.fromkeys(each for each in names_of(self.settings.assignment) if needs_look_up(each))
        self._unanswered = set(names)
        self._answered = asyncio.Event()
        self._tasks = [asyncio.create_task(self._refresh(name)) for name in names]
        if not names:
            self.answers[""] = ()
            self._answered.set()

    async def first(self) -> None:
        """Wait until each name was looked up once, well or not."""
        await self._answered.wait()

    def assignment(self) -> LoadAssignment:
        """What the control plane said, with addresses in place of names."""
        told = self.settings.assignment
        return replace(told, localities=tuple(map(self._locality, told.localities)))

    def cancel(self) -> list[asyncio.Task[None]]:
        for task in self._tasks:
            task.cancel()
        return self._tasks

    async def _refresh(self, name: str) -> None:
        failures = 0
        while True:
            answer = await self._look_up(self.settings.resolver, name, self.settings.family)
            failures = failures + 1 if answer.failed else 0
            self._take(name, answer)
            await asyncio.sleep(pause_after(answer, self.settings, failures))

    def _take(self, name: str, answer: Answer) -> None:
        """A failure changes nothing, nor does an answer without addresses for a cluster that is one host."""
        if not answer.addresses and self._reasons.get(name) != answer.reason:
            log.warning("cluster %s: cannot resolve %r: %s", self.cluster.name, name, answer.reason)
        self._reasons[name] = answer.reason
        told = not answer.failed and (answer.addresses or self.settings.strict)
        if told:
            self.answers[name] = tuple(address for address, _ in answer.addresses)
        self._unanswered.discard(name)
        if not self._unanswered:
            self._answered.set()
        if told and self.follow is not None:
            self.follow(self.cluster.name, self.assignment())

    def _locality(self, group: LocalityEndpoints) -> LocalityEndpoints:
        return replace(group, endpoints=tuple(each for one in group.endpoints for each in self._endpoints(one)))

    def _endpoints(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """STRICT_DNS: one per address. LOGICAL_DNS: one, at the first address, with the others to fall back on."""
        host, port = endpoint.address
        name = endpoint.hostname or host
        if not needs_look_up(host):
            yield replace(endpoint, hostname=name)
            return
        found = [(address, port) for address in self.answers.get(host, ())]
        if self.settings.strict:
            for address in found:
                yield replace(endpoint, address=address, hostname=name)
        elif found:
            yield replace(endpoint, address=found[0], others=tuple(found[1:]), hostname=name)


def needs_look_up(host: str) -> bool:
    return not (is_address(host) or is_path(host))


def names_of(assignment: LoadAssignment) -> Iterator[str]:
    return (endpoint.address[0] for group in assignment.localities for endpoint in group.endpoints)


async def first_answers(resolutions: Iterable[Resolution], warm: float) -> None:
    """Wait for those that are to be waited for, at most so many seconds; what takes longer goes on."""
    waits = [asyncio.create_task(each.first()) for each in resolutions if each.settings.awaited]
    try:
        if waits:
            await asyncio.wait(waits, timeout=warm)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def pause_after(answer: Answer, settings: Dns, failures: int) -> float:
    """Seconds until the next look-up, after so many that failed in a row."""
    if failures:
        return failure_pause(settings.failure, failures) if settings.failure is not None else settings.refresh
    lifetimes = [lifetime for _, lifetime in answer.addresses]
    lifetime = (min(lifetimes) if settings.strict else lifetimes[0]) if lifetimes and settings.respect_ttl else 0
    return (lifetime or settings.refresh) + random() * settings.jitter
