"""Several sources, one snapshot: the first source that knows a name wins.

Route tables of one name are joined by domain, so that a folder of YAML may add or replace single hosts of what istiod
serves on the same port; a domain belongs to the first table that claims it.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from meshio.mesh.snapshot import EMPTY, Snapshot
from meshio.routing.route import RouteTable, VirtualHost

T = TypeVar("T")
K = TypeVar("K")


def merge(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Lay the first over the second, both over the third... Values that need no joining stay the same objects."""
    if len(snapshots) <= 1:
        return snapshots[0] if snapshots else EMPTY
    return Snapshot(
        listeners=first_wins(each.listeners for each in snapshots),
        routes=merge_tables([each.routes for each in snapshots]),
        clusters=first_wins(each.clusters for each in snapshots),
        assignments=first_wins(each.assignments for each in snapshots),
        names=first_wins(each.names for each in snapshots),
        versions=first_wins(each.versions for each in snapshots),
    )


def first_wins(layers: Iterable[Mapping[K, T]]) -> dict[K, T]:
    return dict(ChainMap(*(dict(layer) for layer in layers)))


def merge_tables(layers: Sequence[Mapping[str, RouteTable]]) -> dict[str, RouteTable]:
    merged: dict[str, RouteTable] = {}
    for layer in layers:
        for name, table in layer.items():
            merged[name] = join(merged[name], table) if name in merged else table
    return merged


def join(upper: RouteTable, lower: RouteTable) -> RouteTable:
    """The upper table, and of the lower one the virtual hosts for domains that the upper does not claim."""
    claimed = {domain for host in upper.hosts for domain in host.domains}
    rest = tuple(host for each in lower.hosts if (host := unclaimed(each, claimed)).domains)
    return replace(upper, hosts=upper.hosts + rest)


def unclaimed(host: VirtualHost, claimed: set[str]) -> VirtualHost:
    free = tuple(domain for domain in host.domains if domain not in claimed)
    return host if len(free) == len(host.domains) else replace(host, domains=free)
