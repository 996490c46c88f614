"""Clusters -> `Cluster`."""

from typing import Any

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.resilience.limits import Limits, RetryBudget
from meshio.resilience.outlier import OutlierDetection
from meshio.upstream.cluster import Cluster, Discovery, Dns, Eds, OriginalDestination, Static
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.duration import positive, seconds
from meshio.xds.endpoint import read_assignment
from meshio.xds.extension import open_message, type_of
from meshio.xds.metadata import istio_flag, istio_services, istio_text
from meshio.xds.place import Place
from meshio.xds.policies import translate_policy
from meshio.xds.proto.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    ClusterDiscoveryType,
    ClusterDnsLookupFamily,
    UpstreamConnectionOptions,
)
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster as ClusterMessage
from meshio.xds.proto.envoy.config.cluster.v3 import OutlierDetection as OutlierMessage
from meshio.xds.proto.envoy.config.core.v3 import RoutingPriority, TypedExtensionConfig
from meshio.xds.protocol import http_options, upstream_options
from meshio.xds.shared import shared
from meshio.xds.tls import translate_matches, translate_socket
from meshio.xds.wire import Malformed, split

INBOUND = ("inbound|", "InboundPassthroughCluster")
NETWORK_FILTERS = {
    "envoy.tcp.metadataexchange.config.MetadataExchange": "tells proxies about each other, for telemetry",
    "io.istio.tcp.peer_metadata.Config": "tells proxies about each other, for telemetry",
}
"""Filters of upstream connections without effect here, by the name of their config message, and why."""

FAMILIES: dict[int, str] = {
    ClusterDnsLookupFamily.AUTO: "auto",
    ClusterDnsLookupFamily.V4_ONLY: "v4",
    ClusterDnsLookupFamily.V6_ONLY: "v6",
    ClusterDnsLookupFamily.V4_PREFERRED: "v4_preferred",
    ClusterDnsLookupFamily.ALL: "all",
}
RESOLVERS: dict[str, frozenset[int]] = {
    "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig": frozenset({5, 6, 7}),
    "envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig": frozenset({1, 2}),
}
"""Resolvers by the name of their config message, and the numbers of the fields that only say how hard to try.

Whatever they are called: names are resolved by the event loop's resolver, as the system is configured.
"""

KEEPALIVE = (9, 7200, 75)  # Linux: probes, idle seconds, interval seconds


def translate_cluster(name: str, raw: bytes) -> Cluster:
    """A cluster. Raises Rejected."""
    place = Place(name)
    message = open_message(place, ClusterMessage, raw)
    check_edges(place, message)
    http = upstream_options(place, message)
    found, (policy, weighted) = discovery(place, message), translate_policy(place, message)
    if isinstance(policy, ClusterProvided) and not isinstance(found, OriginalDestination):
        raise place.rejected("CLUSTER_PROVIDED needs a cluster of type ORIGINAL_DST", "lb_policy")
    timeout, sni = message.connect_timeout, http.upstream_http_protocol_options
    return Cluster(
        name=message.name,
        discovery=found,
        policy=policy,
        limits=shared(limits(place.at("circuit_breakers"), message.circuit_breakers)),
        outlier=shared(outlier(place.at("outlier_detection"), message.outlier_detection)),
        connect_timeout=positive(place.at("connect_timeout"), timeout) if timeout is not None else 5.0,
        tls=translate_socket(place.at("transport_socket"), message.transport_socket, sni),
        tls_matches=translate_matches(place, message.transport_socket_matches, sni),
        http=shared(http_options(place, message, http)),
        panic_threshold=panic_threshold(place, message),
        locality_weighted=weighted,
        alt_stat_name=message.alt_stat_name,
        subset=istio_text(message.metadata, "subset"),
        services=istio_services(message.metadata),
        external=istio_flag(message.metadata, "external"),
        origin=istio_text(message.metadata, "config"),
        tcp_keepalive=keepalive(message.upstream_connection_options),
    )


def check_edges(place: Place, message: ClusterMessage) -> None:
    """Filters and local addresses of upstream connections. What is inbound is never connected to."""
    for index, each in enumerate(message.filters):
        if (kind := type_of(place.at("filters", index), each.typed_config)) not in NETWORK_FILTERS:
            raise place.at("filters", index).rejected(f"filter {each.name!r} ({kind}) is not supported")
    if message.upstream_bind_config is not None and not message.name.startswith(INBOUND):
        raise place.rejected("connections cannot be bound to an address", "upstream_bind_config")
    if message.typed_dns_resolver_config is not None:
        check_resolver(place.at("typed_dns_resolver_config"), message.typed_dns_resolver_config)


def check_resolver(place: Place, extension: TypedExtensionConfig) -> None:
    """Name servers and search domains of its own are more than the system's resolver can be told."""
    config = extension.typed_config
    harmless = RESOLVERS.get(kind := type_of(place, config))
    if harmless is None or config is None:
        raise place.rejected(f"resolver {extension.name!r} ({kind}) is not supported")
    try:
        numbers = {key >> 3 for key, _ in split(config.value)}
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None
    if strange := numbers - harmless:
        raise place.rejected(f"field number {min(strange)} of {kind.rpartition('.')[2]} is not supported")


def discovery(place: Place, message: ClusterMessage) -> Discovery:
    """Where the endpoints come from."""
    match message.type or ClusterDiscoveryType.STATIC:
        case ClusterDiscoveryType.EDS:
            config = message.eds_cluster_config
            return Eds((config.service_name if config is not None else "") or message.name)
        case ClusterDiscoveryType.STATIC:
            return Static(assignment(place, message, named=False))
        case ClusterDiscoveryType.STRICT_DNS | ClusterDiscoveryType.LOGICAL_DNS:
            return dns(place, message)
        case ClusterDiscoveryType.ORIGINAL_DST:
            return OriginalDestination()
    raise place.rejected(f"{message.type!s} is not supported", "type")


def assignment(place: Place, message: ClusterMessage, named: bool) -> LoadAssignment:
    """The endpoints that are part of the cluster."""
    if message.load_assignment is None:
        return LoadAssignment(message.name)
    return read_assignment(place.at("load_assignment"), bytes(message.load_assignment), named)


def dns(place: Place, message: ClusterMessage) -> Dns:
    """Endpoints by host name. LOGICAL_DNS has exactly one, as Envoy demands."""
    endpoints, strict = assignment(place, message, named=True), message.type == ClusterDiscoveryType.STRICT_DNS
    if not strict and sum(len(each.endpoints) for each in endpoints.localities) != 1:
        raise place.rejected("LOGICAL_DNS needs exactly one endpoint", "load_assignment")
    family = FAMILIES.get(message.dns_lookup_family)
    if family is None:
        raise place.rejected(f"{message.dns_lookup_family!s} is not supported", "dns_lookup_family")
    refresh = message.dns_refresh_rate
    return Dns(
        endpoints,
        strict,
        positive(place.at("dns_refresh_rate"), refresh) if refresh is not None else 5.0,
        seconds(place.at("dns_jitter"), message.dns_jitter) or 0.0,
        message.respect_dns_ttl,
        family,  # type: ignore[arg-type]
    )


def limits(place: Place, breakers: CircuitBreakers | None) -> Limits:
    """The thresholds of normal priority; Envoy's defaults where none are given. High priority has no routes here."""
    for index, each in enumerate(breakers.thresholds if breakers is not None else ()):
        if each.priority == RoutingPriority.DEFAULT:
            return threshold(place.at("thresholds", index), each)
    return Limits()


def threshold(place: Place, each: CircuitBreakersThresholds) -> Limits:
    default, budget = Limits(), None
    if (given := each.retry_budget) is not None:
        share = 20.0 if given.budget_percent is None else given.budget_percent.value
        if not 0 <= share <= 100:
            raise place.rejected("must be from 0 to 100", "retry_budget.budget_percent")
        budget = RetryBudget(share, 3 if given.min_retry_concurrency is None else given.min_retry_concurrency)
    return Limits(
        default.connections if each.max_connections is None else each.max_connections,
        default.pending if each.max_pending_requests is None else each.max_pending_requests,
        default.requests if each.max_requests is None else each.max_requests,
        default.retries if each.max_retries is None else each.max_retries,
        budget,
    )


PERCENTAGES = (
    "enforcing_consecutive_5xx",
    "enforcing_consecutive_gateway_failure",
    "enforcing_consecutive_local_origin_failure",
    "max_ejection_percent",
)
COUNTS = ("consecutive_5xx", "consecutive_gateway_failure", "consecutive_local_origin_failure")
TIMES = {"interval", "base_ejection_time", "max_ejection_time"}


def outlier(place: Place, message: OutlierMessage | None) -> OutlierDetection | None:
    """Ejection of hosts that fail.

    Envoy enforces ejection by success rate fully unless told otherwise, so leaving `enforcing_success_rate` out asks
    for what meshio does not have. istiod always says 0; a control plane of one's own has to say it too.
    """
    if message is None:
        return None
    if message.enforcing_success_rate is None:
        raise place.rejected("is 100 unless given, and only 0 is supported", "enforcing_success_rate")
    if message.split_external_local_origin_errors and message.enforcing_local_origin_success_rate is None:
        raise place.rejected("is 100 unless given, and only 0 is supported", "enforcing_local_origin_success_rate")
    said = ((name, getattr(message, name)) for name in (*PERCENTAGES, *COUNTS, *TIMES))
    given: dict[str, Any] = {name: value for name, value in said if value is not None}
    for name in PERCENTAGES:
        if given.get(name, 0) > 100:
            raise place.rejected("is more than 100", name)
    for name in given.keys() & TIMES:
        given[name] = positive(place.at(name), given[name])
    given.setdefault("max_ejection_time", max(300.0, given.get("base_ejection_time", 30.0)))
    return OutlierDetection(
        **given,
        split_external_local_origin_errors=message.split_external_local_origin_errors,
        max_ejection_time_jitter=seconds(place.at("max_ejection_time_jitter"), message.max_ejection_time_jitter) or 0.0,
        always_eject_one_host=bool(message.always_eject_one_host),
    )


def panic_threshold(place: Place, message: ClusterMessage) -> float:
    """Percent; Envoy's default is 50, Istio says 0."""
    given = message.common_lb_config.healthy_panic_threshold if message.common_lb_config is not None else None
    if given is None:
        return 50.0
    if not 0 <= given.value <= 100:
        raise place.rejected("must be from 0 to 100", "common_lb_config.healthy_panic_threshold")
    return given.value


def keepalive(options: UpstreamConnectionOptions | None) -> tuple[int, int, int] | None:
    """TCP keep-alive: probes, idle seconds, interval seconds."""
    given = options.tcp_keepalive if options is not None else None
    if given is None:
        return None
    values = (given.keepalive_probes, given.keepalive_time, given.keepalive_interval)
    probes, idle, interval = (d if v is None else v for v, d in zip(values, KEEPALIVE, strict=True))
    return probes, idle, interval
