"""STRICT_DNS and LOGICAL_DNS clusters: names to addresses, again and again (Envoy: strict_dns_cluster.cc).

The operating system's resolver does the look-up in a thread of the loop's executor and tells no TTL, so
`respect_ttl` has nothing to respect and the cluster's refresh rate holds. A failed look-up keeps the
addresses of the last good one.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from random import random

from meshio.mesh.names import is_address
from meshio.upstream.cluster import Cluster, Dns
from meshio.upstream.endpoint import Address, Endpoint, LoadAssignment, LocalityEndpoints, is_path

log = logging.getLogger("meshio.dns")

FAMILIES = {"v4": socket.AF_INET, "v6": socket.AF_INET6}


class Refresher:
    """Keeps the DNS clusters of a snapshot resolved. `resolved(cluster, assignment)` takes each answer."""

    def __init__(self, resolved: Callable[[str, LoadAssignment], None]) -> None:
        self._resolved = resolved
        self._tasks: dict[Cluster, asyncio.Task[None]] = {}

    async def follow(self, clusters: Mapping[str, Cluster], warm: float) -> dict[str, LoadAssignment]:
        """Resolve the new DNS clusters, for at most `warm` seconds, and forget those that left.

        Returns what was found; each cluster is refreshed from then on, whether it was found or not.
        """
        wanted = {cluster for cluster in clusters.values() if isinstance(cluster.discovery, Dns)}
        for cluster in self._tasks.keys() - wanted:
            self._tasks.pop(cluster).cancel()
        new = wanted - self._tasks.keys()
        found = await first_answers(new, warm) if new else {}
        for cluster in new:
            self._tasks[cluster] = asyncio.create_task(self._refresh(cluster, cluster.name in found))
        return found

    async def _refresh(self, cluster: Cluster, found: bool) -> None:
        settings = cluster.discovery
        assert isinstance(settings, Dns)
        failures = 0 if found else 1
        while True:
            await asyncio.sleep(pause_of(settings, failures))
            try:
                assignment = await resolve(settings)
            except OSError as error:
                log.warning("cluster %s: %s", cluster.name, error)
                failures += 1
            else:
                failures = 0
                self._resolved(cluster.name, assignment)

    async def aclose(self) -> None:
        """Stop refreshing."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def pause_of(settings: Dns, failures: int) -> float:
    """Until the next look-up, after so many that failed in a row (Envoy: `JitteredExponentialBackOffStrategy`)."""
    if not failures:
        return settings.refresh + random() * settings.jitter
    if settings.failure is None:
        return settings.refresh
    first, most = settings.failure
    return max(0.001, random() * min(most, first * 2.0 ** min(failures - 1, 62)))


async def first_answers(clusters: Iterable[Cluster], warm: float) -> dict[str, LoadAssignment]:
    """What can be resolved within `warm` seconds; look-ups that take longer are left to the refresh."""
    lookups = {asyncio.create_task(answer(cluster)): cluster for cluster in clusters}
    try:
        done, _ = await asyncio.wait(lookups, timeout=warm)
    finally:
        for task in lookups:
            task.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)
    found = {lookups[task].name: task.result() for task in done}
    return {name: assignment for name, assignment in found.items() if assignment is not None}


async def answer(cluster: Cluster) -> LoadAssignment | None:
    assert isinstance(cluster.discovery, Dns)
    try:
        return await resolve(cluster.discovery)
    except OSError as error:
        log.warning("cluster %s: %s", cluster.name, error)
        return None


async def resolve(settings: Dns) -> LoadAssignment:
    """The assignment with addresses in place of names. Raises OSError when a name cannot be resolved."""
    localities = [await resolve_locality(group, settings) for group in settings.assignment.localities]
    return replace(settings.assignment, localities=tuple(localities))


async def resolve_locality(group: LocalityEndpoints, settings: Dns) -> LocalityEndpoints:
    endpoints = [each for endpoint in group.endpoints for each in await resolve_endpoint(endpoint, settings)]
    return LocalityEndpoints(tuple(endpoints), group.locality, group.priority, group.weight)


async def resolve_endpoint(endpoint: Endpoint, settings: Dns) -> list[Endpoint]:
    """STRICT_DNS: an endpoint per address. LOGICAL_DNS: one, at the first address, with the others to fall back on."""
    host, port = endpoint.address
    name = endpoint.hostname or host
    if is_address(host) or is_path(host):
        return [replace(endpoint, hostname=name)]
    found = await look_up(host, port, settings.family)
    if settings.strict:
        return [replace(endpoint, address=address, hostname=name) for address in found]
    return [replace(endpoint, address=address, others=tuple(found[1:]), hostname=name) for address in found[:1]]


async def look_up(host: str, port: int, family: str) -> list[Address]:
    """The addresses of a host name in the family that the cluster asks for, without duplicates. Raises OSError."""
    loop = asyncio.get_running_loop()
    wanted = FAMILIES.get(family, socket.AF_UNSPEC)
    try:
        infos = await loop.getaddrinfo(host, port, family=wanted, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that IDNA does not allow, as in "a..b"
        raise OSError(f"cannot resolve {host!r}: {error}") from error
    addresses = list(dict.fromkeys((str(info[4][0]), port) for info in infos))
    return preferred(addresses, family)


def preferred(addresses: list[Address], family: str) -> list[Address]:
    """`auto` takes v6 if there is any, `v4_preferred` takes v4 if there is any, `all` and the others take all."""
    v6 = [address for address in addresses if ":" in address[0]]
    v4 = [address for address in addresses if ":" not in address[0]]
    match family:
        case "auto":
            return v6 or v4
        case "v4_preferred":
            return v4 or v6
        case _:
            return addresses
