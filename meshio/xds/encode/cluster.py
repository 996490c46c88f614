"""Cluster -> Cluster."""

from meshio.resilience.limits import DEFAULT_LIMITS, Limits, RetryBudget
from meshio.resilience.outlier import OutlierDetection
from meshio.routing.filters import Filter
from meshio.upstream.cluster import (
    OVERRIDABLE,
    Aggregate,
    Cluster,
    Discovery,
    Dns,
    DynamicForward,
    Eds,
    HttpOptions,
    OriginalDestination,
    Static,
)
from meshio.upstream.endpoint import Health
from meshio.xds.cluster import FIRST
from meshio.xds.encode.dns import encode_cache, set_dns
from meshio.xds.encode.endpoint import HEALTH, encode_assignment
from meshio.xds.encode.error_match import encode_errors
from meshio.xds.encode.filters import encode_upstream_filters
from meshio.xds.encode.forward import encode_hash_policy
from meshio.xds.encode.health_check import encode_health_check
from meshio.xds.encode.labels import encode_metadata, encode_path
from meshio.xds.encode.parts import never_none, over_ads, packed, seconds
from meshio.xds.encode.policy import set_policy
from meshio.xds.encode.retry import encode_retry
from meshio.xds.encode.tls import automatic_in, encode_socket, encode_socket_match
from meshio.xds.proto.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    ClusterCommonLbConfig,
    ClusterCustomClusterType,
    ClusterDiscoveryType,
    ClusterEdsClusterConfig,
    ClusterOriginalDstLbConfig,
    UpstreamConnectionOptions,
    UpstreamConnectionOptionsFirstAddressFamilyVersion,
    UpstreamConnectionOptionsHappyEyeballsConfig,
)
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster as ClusterMessage
from meshio.xds.proto.envoy.config.cluster.v3 import OutlierDetection as OutlierMessage
from meshio.xds.proto.envoy.config.core.v3 import (
    HealthStatusSet,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    RoutingPriority,
    TcpKeepalive,
)
from meshio.xds.proto.envoy.config.core.v3 import Http1ProtocolOptionsHeaderKeyFormat as KeyFormat
from meshio.xds.proto.envoy.config.core.v3 import Http1ProtocolOptionsHeaderKeyFormatProperCaseWords as ProperCase
from meshio.xds.proto.envoy.config.core.v3 import UpstreamHttpProtocolOptions as Automatic
from meshio.xds.proto.envoy.extensions.clusters.aggregate.v3 import ClusterConfig as AggregateConfig
from meshio.xds.proto.envoy.extensions.clusters.dynamic_forward_proxy.v3 import ClusterConfig as DynamicConfig
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as UpstreamOptions
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
    HttpProtocolOptionsUseDownstreamHttpConfig,
)
from meshio.xds.proto.envoy.type.v3 import Percent
from meshio.xds.proto.google.protobuf import Any

UPSTREAM_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def encode_cluster(cluster: Cluster) -> ClusterMessage:
    automatic = automatic_in(cluster)
    encoded = ClusterMessage(
        name=cluster.name,
        alt_stat_name=cluster.alt_stat_name,
        connect_timeout=seconds(cluster.connect_timeout),
        circuit_breakers=encode_breakers(cluster.limits, cluster.high_limits),
        outlier_detection=encode_outlier(cluster.outlier) if cluster.outlier else None,
        transport_socket=encode_socket(cluster.tls, automatic) if cluster.tls else None,
        transport_socket_matches=[encode_socket_match(match, automatic) for match in cluster.tls_matches],
        typed_extension_protocol_options=encode_http(cluster, automatic),
        common_lb_config=encode_common(cluster),
        health_checks=[encode_health_check(cluster.health_check)] if cluster.health_check else [],
        ignore_health_on_host_removal=cluster.health_check is not None and cluster.health_check.leave_at_once,
        metadata=encode_metadata(cluster.filter_metadata),
        upstream_connection_options=encode_connection(cluster),
    )
    set_discovery(encoded, cluster.discovery)
    set_policy(encoded, cluster)
    return encoded


def set_discovery(encoded: ClusterMessage, discovery: Discovery) -> None:
    match discovery:
        case Eds(name):
            encoded.type = ClusterDiscoveryType.EDS
            encoded.eds_cluster_config = ClusterEdsClusterConfig(eds_config=over_ads(), service_name=name)
        case Static(assignment):
            encoded.type = ClusterDiscoveryType.STATIC
            encoded.load_assignment = encode_assignment(assignment)
        case Dns():
            set_dns(encoded, discovery)
        case Aggregate(clusters):
            encoded.cluster_type = ClusterCustomClusterType(
                "envoy.clusters.aggregate", packed(AggregateConfig(clusters=list(clusters)))
            )
        case DynamicForward(cache=cache):
            encoded.cluster_type = ClusterCustomClusterType(
                "envoy.clusters.dynamic_forward_proxy", packed(DynamicConfig(dns_cache_config=encode_cache(cache)))
            )
        case OriginalDestination(header, port, path):
            encoded.type = ClusterDiscoveryType.ORIGINAL_DST
            if header or port or path:
                encoded.original_dst_lb_config = ClusterOriginalDstLbConfig(
                    use_http_header=bool(header),
                    http_header_name=header,
                    upstream_port_override=port or None,
                    metadata_key=encode_path(path) if path else None,
                )


def encode_breakers(normal: Limits, high: Limits) -> CircuitBreakers:
    """High priority is left out where it has Envoy's defaults."""
    both = [(RoutingPriority.DEFAULT, normal), (RoutingPriority.HIGH, high)]
    told = [encode_limits(priority, limits) for priority, limits in both if limits != DEFAULT_LIMITS or not priority]
    hosts = [
        CircuitBreakersThresholds(priority, max_connections=limits.per_host)
        for priority, limits in both
        if limits.per_host is not None
    ]
    return CircuitBreakers(thresholds=told, per_host_thresholds=hosts)


def encode_limits(priority: RoutingPriority, limits: Limits) -> CircuitBreakersThresholds:
    return CircuitBreakersThresholds(
        priority,
        max_connections=limits.connections,
        max_pending_requests=limits.pending,
        max_requests=limits.requests,
        max_retries=limits.retries,
        retry_budget=encode_budget(limits.budget) if limits.budget else None,
        max_connection_pools=limits.pools,
    )


def encode_budget(budget: RetryBudget) -> CircuitBreakersThresholdsRetryBudget:
    return CircuitBreakersThresholdsRetryBudget(
        budget_percent=Percent(value=budget.percent), min_retry_concurrency=budget.least
    )


def encode_outlier(outlier: OutlierDetection) -> OutlierMessage:
    rare, often = outlier.success_rate, outlier.failure_percentage
    return OutlierMessage(
        consecutive_5xx=outlier.consecutive_5xx,
        enforcing_consecutive_5xx=outlier.enforcing_consecutive_5xx,
        consecutive_gateway_failure=outlier.consecutive_gateway_failure,
        enforcing_consecutive_gateway_failure=outlier.enforcing_consecutive_gateway_failure,
        consecutive_local_origin_failure=outlier.consecutive_local_origin_failure,
        enforcing_consecutive_local_origin_failure=outlier.enforcing_consecutive_local_origin_failure,
        split_external_local_origin_errors=outlier.split_external_local_origin_errors,
        interval=seconds(outlier.interval),
        base_ejection_time=seconds(outlier.base_ejection_time),
        max_ejection_time=seconds(outlier.max_ejection_time),
        max_ejection_time_jitter=seconds(outlier.max_ejection_time_jitter or None),
        max_ejection_percent=outlier.max_ejection_percent,
        always_eject_one_host=outlier.always_eject_one_host,
        enforcing_success_rate=rare.enforcing,
        enforcing_local_origin_success_rate=rare.enforcing_local,
        success_rate_minimum_hosts=rare.minimum_hosts,
        success_rate_request_volume=rare.request_volume,
        success_rate_stdev_factor=rare.factor,
        enforcing_failure_percentage=often.enforcing,
        enforcing_failure_percentage_local_origin=often.enforcing_local,
        failure_percentage_threshold=often.threshold,
        failure_percentage_minimum_hosts=often.minimum_hosts,
        failure_percentage_request_volume=often.request_volume,
        successful_active_health_check_uneject_host=None if outlier.unejects else False,
    )


def encode_common(cluster: Cluster) -> ClusterCommonLbConfig:
    """Locality weights and zones are `set_policy`'s."""
    overridable = cluster.overridable
    return ClusterCommonLbConfig(
        healthy_panic_threshold=Percent(value=cluster.panic_threshold),
        override_host_status=encode_statuses(overridable) if overridable != OVERRIDABLE else None,
        close_connections_on_host_set_change=cluster.close_on_change,
        ignore_new_hosts_until_first_hc=cluster.health_check is not None and cluster.health_check.exclude_new,
    )


def encode_statuses(statuses: frozenset[Health]) -> HealthStatusSet:
    return HealthStatusSet(statuses=sorted(HEALTH[status] for status in statuses))


def encode_connection(cluster: Cluster) -> UpstreamConnectionOptions | None:
    """Nothing when all of it is as usual."""
    encoded, (first, count) = UpstreamConnectionOptions(), cluster.eyeballs
    if cluster.tcp_keepalive is not None:
        probes, idle, interval = cluster.tcp_keepalive
        encoded.tcp_keepalive = TcpKeepalive(
            keepalive_probes=probes or None, keepalive_time=idle or None, keepalive_interval=interval or None
        )
    if first or count != 1:
        encoded.happy_eyeballs_config = UpstreamConnectionOptionsHappyEyeballsConfig(
            UpstreamConnectionOptionsFirstAddressFamilyVersion(FIRST.index(first)), count
        )
    return encoded if encoded != UpstreamConnectionOptions() else None


def encode_http(cluster: Cluster, automatic: Automatic) -> dict[str, Any]:
    """Nothing when all of it is as usual."""
    options = cluster.http
    own = cluster.retry or cluster.hash_policies or cluster.filters
    if options == HttpOptions() and automatic == Automatic() and not own:
        return {}
    encoded = UpstreamOptions(
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=never_none(options.idle_timeout),
            max_requests_per_connection=options.max_requests_per_connection or None,
            max_connection_duration=seconds(options.max_connection_duration),
            max_response_headers_kb=options.max_headers_kb,
            max_headers_count=options.max_headers,
            max_stream_duration=seconds(options.max_stream_duration),
        ),
        upstream_http_protocol_options=automatic,
        outlier_detection=encode_errors(options.errors),
        retry_policy=encode_retry(cluster.retry) if cluster.retry is not None else None,
        hash_policy=[encode_hash_policy(policy) for policy in cluster.hash_policies],
        http_filters=encode_upstream_filters([Filter(*each) for each in cluster.filters]),
    )
    set_version(encoded, options)
    return {UPSTREAM_OPTIONS: packed(encoded)}


def set_version(encoded: UpstreamOptions, options: HttpOptions) -> None:
    h1 = Http1ProtocolOptions(send_fully_qualified_url=options.whole_urls)
    h2 = Http2ProtocolOptions(max_concurrent_streams=options.max_concurrent_streams or None)
    if options.proper_case:
        h1.header_key_format = KeyFormat(proper_case_words=ProperCase())
    match options.version:
        case "http/1.1":
            encoded.explicit_http_config = HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=h1)
        case "h2":
            encoded.explicit_http_config = HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=h2)
        case "downstream":
            encoded.use_downstream_protocol_config = HttpProtocolOptionsUseDownstreamHttpConfig(
                http_protocol_options=h1, http2_protocol_options=h2
            )
        case "auto":
            encoded.auto_config = HttpProtocolOptionsAutoHttpConfig(http_protocol_options=h1, http2_protocol_options=h2)
