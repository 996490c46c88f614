"""The mesh as the control plane described it: one value, complete or not published."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshio.routing.listener import Listener
from meshio.routing.route import RouteTable
from meshio.upstream.cluster import Cluster
from meshio.upstream.endpoint import NOWHERE, LoadAssignment, Locality


@dataclass(frozen=True, slots=True)
class Name:
    """One entry of Istio's name table: the addresses of a host name, and which other names it goes by."""

    addresses: tuple[str, ...]
    namespace: str = ""
    short: str = ""
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this process is in the mesh: what Istio's node id says.

    address    the instance's own IP: the downstream address of every request it sends
    namespace, domain    for short host names: "default", "default.svc.cluster.local"
    locality             where this process is
    local_cluster        the cluster that it belongs to itself: what zones are compared with. "" for none
    """

    address: str = "127.0.0.1"
    pod: str = ""
    namespace: str = "default"
    domain: str = "default.svc.cluster.local"
    locality: Locality = NOWHERE
    local_cluster: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """When a kind of resource was last taken over, and the version the control plane gave it."""

    version: str
    time: float  # seconds since the epoch


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Everything the control plane said. Every route table, cluster and assignment named by another is in
    here, or is known not to exist. Compare members with `is`: same bytes, same object.

    `versions` has one entry per kind and per name: ("clusters", "outbound|80||a"), and ("clusters", "") for the kind.
    """

    listeners: Mapping[str, Listener] = field(default_factory=dict)
    routes: Mapping[str, RouteTable] = field(default_factory=dict)
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    assignments: Mapping[str, LoadAssignment] = field(default_factory=dict)
    names: Mapping[str, Name] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], Version] = field(default_factory=dict)


EMPTY = Snapshot()
