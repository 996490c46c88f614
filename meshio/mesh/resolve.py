"""From the resources that are held to the ones still needed, or to a complete snapshot.

Recomputed from scratch on every change: there is no incremental state to go wrong. A name the control plane says
does not exist counts as answered (gRFC A74), so that one missing resource cannot hold back the rest of the mesh.
The name table never does: a control plane that is not Istio has none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from meshio.mesh.snapshot import Name, Snapshot, Version
from meshio.routing.listener import HttpChain, Listener
from meshio.routing.route import RouteTable
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import LoadAssignment

T = TypeVar("T")
ABSENT = None  # held under a name: it was asked for, and there is nothing


@dataclass(frozen=True, slots=True)
class Held:
    """The last good value of everything that was received, by name; `ABSENT` where there is none.

    `listeners` and `clusters` are None until the control plane has told them for the first time.
    """

    listeners: Mapping[str, Listener | None] | None = None
    clusters: Mapping[str, Cluster | None] | None = None
    routes: Mapping[str, RouteTable | None] = field(default_factory=dict)
    assignments: Mapping[str, LoadAssignment | None] = field(default_factory=dict)
    names: Mapping[str, Name] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The names to be subscribed to, and the snapshot if nothing is missing; otherwise what is, in words."""

    routes: frozenset[str]
    assignments: frozenset[str]
    snapshot: Snapshot | None
    missing: str = ""


def resolve(held: Held) -> Resolution:
    """What has to be asked for, and whether all of it was answered."""
    routes = frozenset(route_names(present(held.listeners or {})))
    assignments = frozenset(assignment_names(present(held.clusters or {})))
    missing = "; ".join(unanswered(held, routes, assignments))
    return Resolution(routes, assignments, None if missing else complete(held, routes, assignments), missing)


def complete(held: Held, routes: frozenset[str], assignments: frozenset[str]) -> Snapshot:
    return Snapshot(
        listeners=present(held.listeners or {}),
        routes=present(held.routes, routes),
        clusters=present(held.clusters or {}),
        assignments=present(held.assignments, assignments),
        names=dict(held.names),
        versions=dict(held.versions),
    )


def route_names(listeners: Mapping[str, Listener]) -> Iterator[str]:
    """The route tables that connection managers refer to. An inline one is part of its listener."""
    for listener in listeners.values():
        for chain in (*listener.chains, listener.default):
            if chain and isinstance(chain.target, HttpChain) and isinstance(chain.target.routes, str):
                yield chain.target.routes


def assignment_names(clusters: Mapping[str, Cluster]) -> Iterator[str]:
    """The load assignments that clusters take their endpoints from."""
    for cluster in clusters.values():
        if isinstance(discovery := cluster.discovery, Eds):
            yield discovery.service


def present(held: Mapping[str, T | None], names: Iterable[str] | None = None) -> dict[str, T]:
    """Without what is known not to exist, and without what nobody asked for."""
    if names is None:
        return {name: value for name, value in held.items() if value is not ABSENT}
    return {name: value for name in names if (value := held.get(name)) is not ABSENT}


def unanswered(held: Held, routes: frozenset[str], assignments: frozenset[str]) -> Iterator[str]:
    """Each kind of which something was never answered, in words."""
    if held.listeners is None:
        yield "the listeners were never answered"
    if held.clusters is None:
        yield "the clusters were never answered"
    if names := routes - held.routes.keys():
        yield f"never answered: {counted(len(names), 'route table')} ({listed(names)})"
    if names := assignments - held.assignments.keys():
        yield f"never answered: {counted(len(names), 'load assignment')} ({listed(names)})"


def orphans(before: Snapshot, after: Snapshot) -> set[str]:
    """Clusters that went while route tables still lead to them."""
    gone = before.clusters.keys() - after.clusters.keys()
    return {name for table in after.routes.values() for name in table.clusters() & gone} if gone else set()


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Iterable[str], most: int = 5) -> str:
    """A few names, sorted, and how many more there are."""
    first = sorted(names)
    rest = len(first) - most
    return ", ".join(first[:most]) + (f" and {rest} more" if rest > 0 else "")
