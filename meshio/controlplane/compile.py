"""Documents -> the snapshot that one workload gets."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from meshio.controlplane.assignments import assignment
from meshio.controlplane.clusters import build_clusters, subjects
from meshio.controlplane.documents import Documents
from meshio.controlplane.listeners import build_listeners
from meshio.controlplane.names import build_names
from meshio.controlplane.problem import Problem
from meshio.controlplane.registry import build_registry
from meshio.controlplane.routes import route_tables
from meshio.controlplane.scope import Caller, Scope, placed, see
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.routing.listener import HttpChain, Listener
from meshio.routing.route import RouteTable
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import NOWHERE, LoadAssignment, Locality

T = TypeVar("T")


def compile_snapshot(
    documents: Documents,
    identity: Identity | None = None,
    labels: Mapping[str, str] | None = None,
    locality: Locality = NOWHERE,
) -> tuple[Snapshot, list[Problem]]:
    """What a workload of this identity, with these labels, in this locality is told; and what is odd about it."""
    caller = placed(Caller(identity or Identity(), labels or {}, locality), documents)
    scope = see(documents, build_registry(documents, caller.suffix), caller)
    listeners, problems = build_listeners(scope)
    clusters = build_clusters(scope)
    snapshot = Snapshot(
        listeners=listeners,
        routes=build_routes(listeners.values(), scope),
        clusters=clusters,
        assignments=build_assignments(clusters, scope),
        names=build_names(scope),
    )
    return snapshot, problems


def build_routes(listeners: Iterable[Listener], scope: Scope) -> dict[str, RouteTable]:
    """The tables that listeners name."""
    chains = [chain.target for listener in listeners for chain in (*listener.chains, listener.default) if chain]
    wanted = {chain.routes for chain in chains if isinstance(chain, HttpChain) and isinstance(chain.routes, str)}
    return {table.name: table for table in route_tables(sorted(wanted), scope)}


def build_assignments(clusters: Mapping[str, Cluster], scope: Scope) -> dict[str, LoadAssignment]:
    """The endpoints of the clusters that look them up by name."""
    return {
        subject.name: assignment(subject.service, subject.port, subject.rule, subject.subset, scope)
        for subject in subjects(scope)
        if subject.name in clusters and isinstance(clusters[subject.name].discovery, Eds)
    }


def reuse(old: Snapshot, new: Snapshot) -> Snapshot:
    """The new snapshot with the old one's objects wherever they say the same, so that `is` tells what changed."""
    return Snapshot(
        listeners=reuse_members(old.listeners, new.listeners),
        routes=reuse_members(old.routes, new.routes),
        clusters=reuse_members(old.clusters, new.clusters),
        assignments=reuse_members(old.assignments, new.assignments),
        names=reuse_members(old.names, new.names),
        versions=new.versions,
    )


def reuse_members(old: Mapping[str, T], new: Mapping[str, T]) -> dict[str, T]:
    return {name: old[name] if name in old and old[name] == value else value for name, value in new.items()}
