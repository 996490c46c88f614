"""Endpoints as the control plane described them."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from meshio.balancing.labels import Labels

Address: TypeAlias = tuple[str, int]
"""Host and port; or the path of a Unix domain socket ("@..." for an abstract one) and 0."""

Health: TypeAlias = Literal["unknown", "healthy", "unhealthy", "draining", "timeout", "degraded"]


def is_path(host: str) -> bool:
    """Whether that is a Unix domain socket."""
    return host.startswith(("/", "@"))


@dataclass(frozen=True, slots=True)
class Locality:
    """region/zone/subzone of an endpoint group."""

    region: str = ""
    zone: str = ""
    subzone: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.region, self.zone, self.subzone) if part)


NOWHERE = Locality()


@dataclass(frozen=True, slots=True)
class CheckedAt:
    """Where and how an endpoint is asked for its health, where that is not as for requests.

    port, address   0 and None: those of the endpoint
    hostname        comes before the health check's own
    disabled        the endpoint is not asked, and taken for well
    """

    port: int = 0
    hostname: str = ""
    address: Address | None = None
    disabled: bool = False


AS_REQUESTS = CheckedAt()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place where a cluster can be reached.

    address    ("ip" or host name for DNS clusters, port); more addresses of a dual-stack endpoint in `others`
    tls_mode   endpoint metadata `envoy.transport_socket_match`.tlsMode: "istio" wants mutual TLS
    workload   Istio's `workload;namespace;canonical-name;revision;cluster`
    hostname   the name that `auto_host_rewrite` gives requests to it; "" for none
    tunnel     metadata `envoy.transport_socket_match`.tunnel: "http" for HBONE
    labels     metadata `envoy.lb`, by which balancing policies choose
    check      what active health checks do otherwise than requests
    """

    address: Address
    weight: int = 1
    health: Health = "unknown"
    tls_mode: str = ""
    workload: str = ""
    hostname: str = ""
    others: tuple[Address, ...] = ()
    tunnel: str = ""
    labels: Labels = ()
    check: CheckedAt = AS_REQUESTS

    @property
    def hash_key(self) -> str:
        """What the endpoint wants to be known by in consistent hashing; "" leaves it to its address."""
        if not self.labels:
            return ""
        return next((value for name, value in self.labels if name == "hash_key" and isinstance(value, str)), "")


@dataclass(frozen=True, slots=True)
class LocalityEndpoints:
    """The endpoints of one locality at one priority. `weight` counts only under locality-weighted balancing."""

    endpoints: tuple[Endpoint, ...]
    locality: Locality = NOWHERE
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class LoadAssignment:
    """A ClusterLoadAssignment.

    drop             the share of requests to drop, from 0 to 1
    weighted_health  priorities are as healthy as the weights of their healthy hosts, not as the number of them
    stale_after      seconds after which the endpoints are forgotten, unless they are told again; None never
    """

    cluster: str
    localities: tuple[LocalityEndpoints, ...] = ()
    overprovisioning: int = 140
    drop: float = 0.0
    weighted_health: bool = False
    stale_after: float | None = None

    @property
    def size(self) -> int:
        """How many endpoints."""
        return sum(len(group.endpoints) for group in self.localities)
