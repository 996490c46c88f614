"""Clusters as the control plane described them."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from meshio.balancing.hashing import HashPolicy
from meshio.balancing.labels import FilterMetadata, Label, Labels, of_istio
from meshio.balancing.policy import Policy
from meshio.balancing.zone import FAIR, ZoneAware
from meshio.message import Layer
from meshio.naming.cache import NameCache
from meshio.naming.resolver import CARES, Family, Resolver
from meshio.resilience.limits import DEFAULT_LIMITS, Limits
from meshio.resilience.outlier import OutlierDetection
from meshio.resilience.question import Question
from meshio.resilience.retry import Retry
from meshio.upstream.endpoint import Health, LoadAssignment
from meshio.upstream.health_check import HealthCheck

UNNAMED = NameCache("")
First: TypeAlias = Literal["", "v4", "v6"]


@dataclass(frozen=True, slots=True)
class Eds:
    """Endpoints come as a load assignment of this name."""

    service: str


@dataclass(frozen=True, slots=True)
class Static:
    """Endpoints are part of the cluster."""

    assignment: LoadAssignment


@dataclass(frozen=True, slots=True)
class Dns:
    """Endpoints are host names to resolve.

    strict     True: every address is a host (STRICT_DNS); False: one host, whatever address it has (LOGICAL_DNS)
    refresh    seconds between look-ups; with `respect_ttl`, where an answer does not say how long it is good for
    jitter     seconds up to which a random time is added to that
    failure    seconds until the first attempt after one that failed, and the most there are to be; None: `refresh`
    resolver   who is asked
    awaited    a new cluster goes into service when its names have been looked up, if that does not take too long
    """

    assignment: LoadAssignment
    strict: bool = True
    refresh: float = 5.0
    jitter: float = 0.0
    respect_ttl: bool = False
    family: Family = "auto"
    failure: tuple[float, float] | None = None
    resolver: Resolver = CARES
    awaited: bool = True


@dataclass(frozen=True, slots=True)
class OriginalDestination:
    """The host is whatever address the request was going to (passthrough, headless, resolution NONE).

    header   names the address instead, where a request has it; "" none does
    port     takes the place of the address's; 0 does not
    path     in the request's metadata, to a text that names it before any header does; () for none
    """

    header: str = ""
    port: int = 0
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DynamicForward(OriginalDestination):
    """The host is the one that the request's authority names (dynamic forward proxy): wildcard hosts.

    cache   where its addresses are remembered
    """

    cache: NameCache = UNNAMED


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The priorities of other clusters, one cluster after the other (envoy.clusters.aggregate)."""

    clusters: tuple[str, ...]


Discovery: TypeAlias = Eds | Static | Dns | OriginalDestination | Aggregate
TlsVersion: TypeAlias = Literal["", "TLSv1.2", "TLSv1.3"]
"""What is spoken at all; "" leaves it to the TLS library."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """An UpstreamTlsContext. Secrets are named, not held: `certificate` and `roots` are SDS names ("" for none)."""

    sni: str = ""
    certificate: str = ""
    roots: str = ""
    subject_names: tuple[str, ...] = ()  # exact SANs, any of which must match; () accepts any
    alpn: tuple[str, ...] = ()
    minimum: TlsVersion = ""
    maximum: TlsVersion = ""
    auto_sni: bool = False
    auto_san: bool = False


@dataclass(frozen=True, slots=True)
class TlsMatch:
    """One entry of transport_socket_matches: for endpoints whose metadata holds all of `match`; None is plaintext."""

    name: str
    match: tuple[tuple[str, str], ...]
    tls: ClientTls | None


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """HttpProtocolOptions. `version` is "http/1.1", "h2", "auto" (ALPN) or "downstream" (as the request came).

    max_stream_duration   seconds of one exchange, None for no limit
    errors                answers that count as failures of their host, instead of 5xx
    proper_case           words of header names begin with a capital letter, for peers that insist
    whole_urls            the first line of a request holds scheme and authority, too
    """

    version: Literal["http/1.1", "h2", "auto", "downstream"] = "http/1.1"
    idle_timeout: float | None = 3600.0
    max_requests_per_connection: int = 0  # 0: no limit
    max_connection_duration: float | None = None
    max_concurrent_streams: int = 0
    max_headers_kb: int = 60
    max_headers: int = 100
    max_stream_duration: float | None = None
    errors: Question | None = None
    proper_case: bool = False
    whole_urls: bool = False


OF_SERVICES = ("host", "name", "namespace")
OVERRIDABLE: frozenset[Health] = frozenset({"unknown", "healthy", "degraded"})
"""Envoy's default of `override_host_status`."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster. Durations are in seconds.

    limits, high_limits   of requests of normal priority, and of high priority
    tls, tls_matches   None is plaintext; the first match that fits an endpoint's metadata comes before `tls`
    panic_threshold    percent of available hosts below which all hosts are used; 0 never (Istio's choice)
    locality_weighted  localities get load by their weight, not by the number of their hosts
    zone_aware         how the zone of this process is preferred, where the mesh knows its own cluster
    overridable        the health of hosts that a request may ask for by name, whatever the policy would pick
    health_check       how hosts are asked whether they are well; None: they are not
    close_on_change    when hosts come or go, connections to all of them end as they become idle
    alt_stat_name      the cluster's name in Envoy's statistics
    subset, services   Istio's metadata: the DestinationRule subset; (host, name, namespace) of the services
    external           the services are outside of the mesh
    origin             the Istio resource that it comes from, as its metadata names it; "" for none
    metadata           what else it says to filters, for those who tell it
    retry              in place of what routes say about it, but for the time of one try, which stays theirs
    hash_policies      in place of what routes say
    filters            that a request passes when its host is chosen: name, what it does, whether it is switched off
    eyeballs           of several addresses: the family to begin with ("": that of the first), and how many of it
    tcp_keepalive      probes, idle seconds, seconds between probes; None leaves it to the operating system
    """

    name: str
    discovery: Discovery
    policy: Policy
    limits: Limits = DEFAULT_LIMITS
    high_limits: Limits = DEFAULT_LIMITS
    outlier: OutlierDetection | None = None
    connect_timeout: float = 5.0
    tls: ClientTls | None = None
    tls_matches: tuple[TlsMatch, ...] = ()
    http: HttpOptions = HttpOptions()
    panic_threshold: float = 50.0
    locality_weighted: bool = False
    zone_aware: ZoneAware = FAIR
    overridable: frozenset[Health] = OVERRIDABLE
    close_on_change: bool = False
    health_check: HealthCheck | None = None
    alt_stat_name: str = ""
    subset: str = ""
    services: tuple[tuple[str, str, str], ...] = ()
    external: bool = False
    origin: str = ""
    tcp_keepalive: tuple[int, int, int] | None = None
    eyeballs: tuple[First, int] = ("", 1)
    metadata: FilterMetadata = ()
    retry: Retry | None = None
    hash_policies: tuple[HashPolicy, ...] = ()
    filters: tuple[tuple[str, Layer | None, bool], ...] = ()

    @property
    def istio(self) -> Labels:
        """What is kept of Istio's metadata, as it was said."""
        services: tuple[Label, ...] = tuple(
            ("struct", tuple((key, text) for key, text in zip(OF_SERVICES, each, strict=True) if text))
            for each in self.services
        )
        said: list[tuple[str, Label]] = [("config", self.origin)] if self.origin else []
        said += [("external", ("bool", True))] if self.external else []
        said += [("services", ("list", services))] if services else []
        return (*said, ("subset", self.subset)) if self.subset else tuple(said)

    @property
    def filter_metadata(self) -> FilterMetadata:
        """What it says to filters, Istio's part included."""
        return of_istio(self.istio, self.metadata)
