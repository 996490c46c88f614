"""What one client is offered: encoded resources by kind (type URL) and name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

from meshio.mesh.snapshot import Snapshot
from meshio.routing.listener import Listener
from meshio.routing.route import RouteTable
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.discovery import Resource
from meshio.xds.encode import encode
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES

ENCODED = 10_000  # resources that are remembered with their bytes

Kinds: TypeAlias = Mapping[str, Mapping[str, Resource]]
Named: TypeAlias = Listener | RouteTable | Cluster | LoadAssignment

ORDER = (CLUSTER, ASSIGNMENT, LISTENER, ROUTES, NAMES)
"""Make before break: a cluster and its endpoints arrive before the route that leads there."""

WHOLE_KINDS = frozenset({CLUSTER, LISTENER, NAMES})
"""Kinds of which a client that names nothing gets everything; in state of the world always all of it at once."""


def blank_nothing(kind: str, name: str) -> Resource | None:
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """Everything one client may ask for.

    kinds     type URL -> name -> resource
    needs     cluster -> the load assignment it waits for after each change: Envoy warms a changed cluster until
              that is sent again, even when it holds the same endpoints
    blank     what stands for a name that does not exist: istiod answers an unknown route table with an empty
              one, so that no client waits for it
    versions  type URL -> one version for all resources of that kind
    """

    kinds: Kinds
    needs: Mapping[str, str] = field(default_factory=dict)
    blank: Callable[[str, str], Resource | None] = blank_nothing
    versions: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        versions = {kind: digest_all(resources.values()) for kind, resources in self.kinds.items()}
        object.__setattr__(self, "versions", versions)

    def names(self, kind: str) -> Iterable[str]:
        return self.kinds.get(kind, {})

    def find(self, kind: str, name: str) -> Resource | None:
        return self.kinds.get(kind, {}).get(name)


NOTHING = Offer({})


def resource(kind: str, name: str, raw: bytes) -> Resource:
    """A resource whose version is a hash of its content: the same content has the same version everywhere."""
    return Resource(name, kind, raw, digest(raw))


def digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=8).hexdigest()


def digest_all(resources: Iterable[Resource]) -> str:
    return digest("\n".join(sorted(f"{each.name} {each.version}" for each in resources)).encode())


def offer_of(snapshot: Snapshot) -> Offer:
    """A snapshot as it goes on the wire. Raises Rejected for what xDS has no words for."""
    kinds = {
        CLUSTER: encode_all(CLUSTER, snapshot.clusters),
        ASSIGNMENT: encode_all(ASSIGNMENT, snapshot.assignments),
        LISTENER: encode_all(LISTENER, snapshot.listeners),
        ROUTES: encode_all(ROUTES, snapshot.routes),
        NAMES: {"": resource(NAMES, "", encode(snapshot.names))},
    }
    needs = {
        name: each.discovery.service for name, each in snapshot.clusters.items() if isinstance(each.discovery, Eds)
    }
    return Offer(kinds, needs, blank)


def encode_all(kind: str, values: Mapping[str, Named]) -> dict[str, Resource]:
    return {name: encoded(kind, name, value) for name, value in values.items()}


@lru_cache(ENCODED)
def encoded(kind: str, name: str, value: Named) -> Resource:
    """Encoding costs a millisecond; after an edit, and for the next client, nearly everything says what it said."""
    return resource(kind, name, encode(value))


def blank(kind: str, name: str) -> Resource | None:
    """What istiod answers about names it does not know."""
    if kind == ROUTES:
        return resource(kind, name, encode(RouteTable(name, ())))
    if kind == ASSIGNMENT:
        return resource(kind, name, encode(LoadAssignment(name)))
    return None
