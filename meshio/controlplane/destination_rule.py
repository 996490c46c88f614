"""DestinationRule, as istio.io/api v1alpha3/destination_rule.proto has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, TypeAlias

from meshio.controlplane.scalars import HEADER, HOST, NAME, NATURAL, NOTICEABLE, PERCENT, PRIME, RING_SIZE, between
from meshio.controlplane.schema import Name, Part, Seconds
from meshio.controlplane.virtual_service import PortSelector

COUNT = between(0, 2**31 - 1)
Simple: TypeAlias = Literal["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"]


@dataclass(frozen=True, kw_only=True)
class HttpCookie(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "attributes": "the cookie is set with path and ttl only; leave them out",
    }

    name: str
    path: str = ""
    ttl: Seconds | None = None


@dataclass(frozen=True, kw_only=True)
class RingHash(Part):
    minimum_ring_size: Annotated[int, RING_SIZE] = 0


@dataclass(frozen=True, kw_only=True)
class Maglev(Part):
    table_size: Annotated[int, PRIME] = 0


@dataclass(frozen=True, kw_only=True)
class ConsistentHash(Part):
    ONE_OF = (
        frozenset({"httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"}),
        frozenset({"ringHash", "maglev"}),
    )

    http_header_name: Annotated[str, HEADER] = ""
    http_cookie: HttpCookie | None = None
    use_source_ip: bool = False
    http_query_parameter_name: str = ""
    ring_hash: RingHash | None = None
    maglev: Maglev | None = None
    minimum_ring_size: Annotated[int, RING_SIZE] = 0


@dataclass(frozen=True, kw_only=True)
class Distribute(Part):
    from_: Annotated[str, Name("from")]
    to: Mapping[str, Annotated[int, PERCENT]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Failover(Part):
    from_: Annotated[str, Name("from")]
    to: str


@dataclass(frozen=True, kw_only=True)
class LocalityLb(Part):
    """LocalityLoadBalancerSetting. On by default, as soon as there is outlier detection."""

    ONE_OF = (frozenset({"distribute", "failover"}), frozenset({"distribute", "failoverPriority"}))

    distribute: tuple[Distribute, ...] = ()
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Warmup(Part):
    """WarmupConfiguration: how slowly new endpoints start."""

    duration: Annotated[Seconds, NOTICEABLE]
    minimum_percent: Annotated[float, PERCENT] = 10.0
    aggression: Annotated[float, between(1, 1e9)] = 1.0


@dataclass(frozen=True, kw_only=True)
class LoadBalancer(Part):
    ONE_OF = (frozenset({"simple", "consistentHash"}), frozenset({"localityLbSetting", "zoneAwareLbSetting"}))
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "zoneAwareLbSetting": "use localityLbSetting",
    }

    simple: Simple = "UNSPECIFIED"
    consistent_hash: ConsistentHash | None = None
    locality_lb_setting: LocalityLb | None = None
    warmup: Warmup | None = None
    warmup_duration_secs: Annotated[Seconds | None, NOTICEABLE] = None


@dataclass(frozen=True, kw_only=True)
class TcpKeepalive(Part):
    probes: Annotated[int, NATURAL] = 0
    time: Annotated[Seconds | None, NOTICEABLE] = None
    interval: Annotated[Seconds | None, NOTICEABLE] = None


@dataclass(frozen=True, kw_only=True)
class TcpSettings(Part):
    max_connections: Annotated[int, COUNT] = 0
    connect_timeout: Annotated[Seconds | None, NOTICEABLE] = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: Annotated[Seconds | None, NOTICEABLE] = None
    idle_timeout: Seconds | None = None


@dataclass(frozen=True, kw_only=True)
class HttpSettings(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "http2KeepAlive": "pings are for HTTP/2, which this version does not speak; use tcp.tcpKeepalive",
    }

    http1_max_pending_requests: Annotated[int, COUNT] = 0
    http2_max_requests: Annotated[int, COUNT] = 0
    max_requests_per_connection: Annotated[int, COUNT] = 0
    max_retries: Annotated[int, COUNT] = 0
    idle_timeout: Annotated[Seconds | None, NOTICEABLE] = None
    h2_upgrade_policy: Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"] = "DEFAULT"
    use_client_protocol: bool = False
    max_concurrent_streams: Annotated[int, COUNT] = 0


@dataclass(frozen=True, kw_only=True)
class ConnectionPool(Part):
    tcp: TcpSettings = TcpSettings()
    http: HttpSettings = HttpSettings()


@dataclass(frozen=True, kw_only=True)
class Outlier(Part):
    """OutlierDetection."""

    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "consecutiveErrors": "Istio ignores it too; use consecutive5xxErrors",
        "outlierDetectionHttpErrorCodes": "every 5xx counts as an error, and nothing else; leave it out",
    }

    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: Annotated[int | None, NATURAL] = None
    consecutive_gateway_errors: Annotated[int | None, NATURAL] = None
    consecutive_5xx_errors: Annotated[int | None, NATURAL, Name("consecutive5xxErrors")] = None
    interval: Annotated[Seconds | None, NOTICEABLE] = None
    base_ejection_time: Annotated[Seconds | None, NOTICEABLE] = None
    max_ejection_percent: Annotated[int, PERCENT] = 0
    min_health_percent: Annotated[int, PERCENT] = 0


@dataclass(frozen=True, kw_only=True)
class Tls(Part):
    """ClientTLSSettings."""

    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "caCrl": "nothing is checked against a revocation list; to revoke, change caCertificates",
        "credentialName": "mount the files and name them in caCertificates, clientCertificate and privateKey",
    }

    mode: Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] = "DISABLE"
    client_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True, kw_only=True)
class RetryBudget(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "budgetInterval": "retries are measured by the requests under way; leave it out",
    }

    percent: Annotated[float, PERCENT] = 20.0
    min_retry_concurrency: Annotated[int, NATURAL] = 3


@dataclass(frozen=True, kw_only=True)
class PortPolicy(Part):
    """PortTrafficPolicy: replaces all of the destination's policy for one port, inheriting nothing."""

    port: PortSelector
    load_balancer: LoadBalancer | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: Outlier | None = None
    tls: Tls | None = None


@dataclass(frozen=True, kw_only=True)
class TrafficPolicy(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "tunnel": "it is for TCP and TLS routes; leave it out, or send through an egress gateway",
        "proxyProtocol": "connections begin without a PROXY header; give the server a port that wants none",
    }

    load_balancer: LoadBalancer | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: Outlier | None = None
    tls: Tls | None = None
    port_level_settings: tuple[PortPolicy, ...] = ()
    retry_budget: RetryBudget | None = None


@dataclass(frozen=True, kw_only=True)
class Subset(Part):
    name: Annotated[str, NAME]
    labels: Mapping[str, str] = field(default_factory=dict)
    traffic_policy: TrafficPolicy | None = None


@dataclass(frozen=True, kw_only=True)
class Selector(Part):
    match_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DestinationRule(Part):
    host: Annotated[str, HOST]
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: Selector | None = None
