"""Clusters -> `Cluster`."""

from collections import Counter
from dataclasses import replace

from meshio.balancing.arrange import reads_keys
from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.policy import Policy
from meshio.balancing.zone import FAIR
from meshio.resilience.retry import Retry
from meshio.upstream.cluster import (
    OVERRIDABLE,
    Aggregate,
    Cluster,
    Discovery,
    Eds,
    First,
    OriginalDestination,
    Static,
)
from meshio.upstream.endpoint import Health, LoadAssignment
from meshio.xds.action import hash_policy
from meshio.xds.custom import custom_discovery
from meshio.xds.descriptors import metadata_path
from meshio.xds.destination import LARGEST_SUM
from meshio.xds.dns import translate_dns
from meshio.xds.duration import positive
from meshio.xds.endpoint import HEALTH, read_assignment
from meshio.xds.extension import open_message
from meshio.xds.health_check import translate_health_check
from meshio.xds.limits import translate_breakers
from meshio.xds.metadata import further, istio_flag, istio_services, istio_text
from meshio.xds.network import PEERS, refuse_others
from meshio.xds.outlier import translate_outlier
from meshio.xds.place import Place
from meshio.xds.policies import translate_policy
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster as ClusterMessage
from meshio.xds.proto.envoy.config.cluster.v3 import (
    ClusterCommonLbConfig,
    ClusterDiscoveryType,
    UpstreamConnectionOptions,
)
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as UpstreamOptions
from meshio.xds.protocol import http_options, upstream_options
from meshio.xds.retry import translate_retry
from meshio.xds.shared import shared
from meshio.xds.text import token
from meshio.xds.tls import translate_matches, translate_socket
from meshio.xds.upstream_filters import translate_upstream_filters

PROVIDING = (OriginalDestination, Aggregate)
DESTINATION = "x-envoy-original-dst-host"
FIRST: tuple[First, ...] = ("", "v4", "v6")
INBOUND = ("inbound|", "InboundPassthroughCluster")
KEEPALIVE = (9, 7200, 75)  # Linux: probes, idle seconds, interval seconds


def translate_cluster(name: str, raw: bytes) -> Cluster:
    """A cluster. Raises Rejected."""
    place = Place(name)
    message = open_message(place, ClusterMessage, raw)
    check_edges(place, message)
    http = upstream_options(place, message)
    found, (policy, localities) = discovery(place, message), translate_policy(place, message)
    check_provided(place, found, policy)
    if isinstance(found, Static) and reads_keys(policy):
        check_weights(place.at("load_assignment"), found.assignment)
    normal, high = translate_breakers(place.at("circuit_breakers"), message.circuit_breakers)
    timeout, sni = message.connect_timeout, http.upstream_http_protocol_options
    common, options = message.common_lb_config or ClusterCommonLbConfig(), http_options(place, message, http)
    said = Cluster(
        name=message.name,
        discovery=found,
        policy=shared(policy),
        limits=shared(normal),
        high_limits=shared(high),
        outlier=shared(translate_outlier(place.at("outlier_detection"), message.outlier_detection)),
        connect_timeout=positive(place.at("connect_timeout"), timeout) if timeout is not None else 5.0,
        tls=translate_socket(place.at("transport_socket"), message.transport_socket, sni),
        tls_matches=translate_matches(place, message.transport_socket_matches, sni),
        http=shared(options),
        panic_threshold=panic_threshold(place, message),
        locality_weighted=localities.weighted,
        zone_aware=FAIR if reads_keys(policy) else shared(localities.zone_aware),
        overridable=overridable(place, message),
        close_on_change=common.close_connections_on_host_set_change,
        health_check=translate_health_check(place, message, options.version != "http/1.1"),
        alt_stat_name=message.alt_stat_name,
        subset=istio_text(message.metadata, "subset"),
        services=istio_services(message.metadata),
        external=istio_flag(message.metadata, "external"),
        origin=istio_text(message.metadata, "config"),
        tcp_keepalive=keepalive(message.upstream_connection_options),
        eyeballs=eyeballs(place, message.upstream_connection_options),
        retry=own_retry(place, http),
        filters=tuple(
            (each.name, each.layer, each.disabled)
            for each in translate_upstream_filters(place, "http_filters", http.http_filters)
        ),
        hash_policies=tuple(hash_policy(place.at("hash_policy", i), each) for i, each in enumerate(http.hash_policy)),
    )
    more = further(message.metadata, said.istio)
    return replace(said, metadata=more) if more else said


def own_retry(place: Place, http: UpstreamOptions) -> Retry | None:
    """The cluster's own retry policy; one that says nothing allows no retry."""
    policy = http.retry_policy
    if policy is None:
        return None
    return shared(translate_retry(place.at("retry_policy"), policy, None) or Retry(frozenset()))


def check_edges(place: Place, message: ClusterMessage) -> None:
    """Filters and local addresses of upstream connections. What is inbound is never connected to."""
    refuse_others(place, message.filters, PEERS)
    if message.upstream_bind_config is not None and not message.name.startswith(INBOUND):
        raise place.rejected("connections cannot be bound to an address", "upstream_bind_config")


def discovery(place: Place, message: ClusterMessage) -> Discovery:
    """Where the endpoints come from."""
    if message.cluster_type is not None:
        endpoints = assignment(place, message, named=True)
        return custom_discovery(place.at("cluster_type"), message.cluster_type, endpoints)
    match message.type or ClusterDiscoveryType.STATIC:
        case ClusterDiscoveryType.EDS:
            config = message.eds_cluster_config
            return Eds((config.service_name if config is not None else "") or message.name)
        case ClusterDiscoveryType.STATIC:
            return Static(assignment(place, message, named=False))
        case ClusterDiscoveryType.STRICT_DNS | ClusterDiscoveryType.LOGICAL_DNS:
            return translate_dns(place, message, assignment(place, message, named=True))
        case ClusterDiscoveryType.ORIGINAL_DST:
            return destination(place, message)
    raise place.rejected(f"{message.type!s} is not supported", "type")


def destination(place: Place, message: ClusterMessage) -> OriginalDestination:
    """Where requests were going to, unless a header or the cluster says otherwise."""
    if message.load_assignment is not None:
        raise place.rejected("ORIGINAL_DST clusters have no endpoints", "load_assignment")
    config = message.original_dst_lb_config
    if config is None:
        return OriginalDestination()
    here = place.at("original_dst_lb_config")
    if config.http_header_name and not config.use_http_header:
        raise here.rejected("needs use_http_header", "http_header_name")
    port = config.upstream_port_override
    if port is not None and not 0 < port <= 65535:
        raise here.rejected("is not a port", "upstream_port_override")
    name = token(here.at("http_header_name"), config.http_header_name or DESTINATION) if config.use_http_header else ""
    path = metadata_path(here.at("metadata_key"), config.metadata_key) if config.metadata_key is not None else ()
    return OriginalDestination(name, port or 0, path)


def eyeballs(place: Place, options: UpstreamConnectionOptions | None) -> tuple[First, int]:
    """Which family of addresses comes first, and how many of it."""
    config = options.happy_eyeballs_config if options is not None else None
    if config is None:
        return "", 1
    here = place.at("upstream_connection_options.happy_eyeballs_config")
    if config.first_address_family_version not in range(len(FIRST)):
        raise here.rejected("is not an IP version", "first_address_family_version")
    count = 1 if config.first_address_family_count is None else config.first_address_family_count
    if count < 1:
        raise here.rejected("must be at least 1", "first_address_family_count")
    return FIRST[config.first_address_family_version], count


def check_provided(place: Place, found: Discovery, policy: Policy) -> None:
    """Some kinds of clusters choose by themselves, and have to be told to."""
    if isinstance(found, PROVIDING) != isinstance(policy, ClusterProvided):
        kind = type(found).__name__
        chosen = "needs" if isinstance(found, PROVIDING) else "does not choose by itself: it cannot have"
        raise place.rejected(f"a cluster of kind {kind} {chosen} CLUSTER_PROVIDED", "lb_policy")


def assignment(place: Place, message: ClusterMessage, named: bool) -> LoadAssignment:
    """The endpoints that are part of the cluster."""
    if message.load_assignment is None:
        return LoadAssignment(message.name)
    return read_assignment(place.at("load_assignment"), bytes(message.load_assignment), named)


def check_weights(place: Place, assignment: LoadAssignment) -> None:
    """Envoy adds up the weights of a priority for consistent hashing, in 32 bits."""
    sums: Counter[tuple[int, str]] = Counter()
    for group in assignment.localities:
        sums[group.priority, "localities"] += group.weight
        sums[group.priority, "hosts"] += sum(endpoint.weight for endpoint in group.endpoints)
    for (priority, what), total in sums.items():
        if total > LARGEST_SUM:
            raise place.rejected(f"the weights of all {what} of priority {priority} sum up to more than {LARGEST_SUM}")


def panic_threshold(place: Place, message: ClusterMessage) -> float:
    """Percent; Envoy's default is 50, Istio says 0."""
    given = message.common_lb_config.healthy_panic_threshold if message.common_lb_config is not None else None
    if given is None:
        return 50.0
    if not 0 <= given.value <= 100:
        raise place.rejected("must be from 0 to 100", "common_lb_config.healthy_panic_threshold")
    return given.value


def overridable(place: Place, message: ClusterMessage) -> frozenset[Health]:
    """The health that a host needs, for a request that names it."""
    common = message.common_lb_config
    if common is None or common.override_host_status is None:
        return OVERRIDABLE
    statuses = common.override_host_status.statuses
    if any(status not in range(len(HEALTH)) for status in statuses):
        raise place.rejected("is not a health status", "common_lb_config.override_host_status")
    return frozenset(HEALTH[status] for status in statuses)


def keepalive(options: UpstreamConnectionOptions | None) -> tuple[int, int, int] | None:
    """TCP keep-alive: probes, idle seconds, interval seconds."""
    given = options.tcp_keepalive if options is not None else None
    if given is None:
        return None
    values = (given.keepalive_probes, given.keepalive_time, given.keepalive_interval)
    probes, idle, interval = (d if v is None else v for v, d in zip(values, KEEPALIVE, strict=True))
    return probes, idle, interval
