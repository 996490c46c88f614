"""What happens to each field of a cluster, its balancing policy, its protocol options and its TLS."""

from betterproto2 import Message

from meshio.xds.dynamic_fields import DYNAMIC_FIELDS
from meshio.xds.policy_fields import POLICY_FIELDS
from meshio.xds.proto.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    Cluster,
    ClusterCommonLbConfig,
    ClusterCommonLbConfigLocalityWeightedLbConfig,
    ClusterCommonLbConfigZoneAwareLbConfig,
    ClusterCustomClusterType,
    ClusterEdsClusterConfig,
    ClusterOriginalDstLbConfig,
    ClusterRefreshRate,
    ClusterTransportSocketMatch,
    Filter,
    LoadBalancingPolicy,
    LoadBalancingPolicyPolicy,
    OutlierDetection,
    UpstreamConnectionOptions,
    UpstreamConnectionOptionsHappyEyeballsConfig,
)
from meshio.xds.proto.envoy.config.common.matcher.v3 import HttpHeadersMatch, MatchPredicate, MatchPredicateMatchSet
from meshio.xds.proto.envoy.config.core.v3 import (
    BindConfig,
    Http1ProtocolOptions,
    Http1ProtocolOptionsHeaderKeyFormat,
    Http1ProtocolOptionsHeaderKeyFormatProperCaseWords,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    UpstreamHttpProtocolOptions,
)
from meshio.xds.proto.envoy.extensions.clusters.aggregate.v3 import ClusterConfig as AggregateConfig
from meshio.xds.proto.envoy.extensions.clusters.dns.v3 import DnsCluster, DnsClusterRefreshRate
from meshio.xds.proto.envoy.extensions.http.header_formatters.preserve_case.v3 import PreserveCaseFormatterConfig
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as UpstreamOptions
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
    HttpProtocolOptionsOutlierDetection,
    HttpProtocolOptionsUseDownstreamHttpConfig,
)
from meshio.xds.resolver_fields import RESOLVER_FIELDS
from meshio.xds.rule import Rules, ignored, read, rejected
from meshio.xds.tls_fields import TLS_FIELDS

STATISTICS = "statistics only"
UNLIMITED = 2**32 - 1
TUNING = "memory and flow control of Envoy's codec; the transport has its own"
NO_HTTP2 = "settings of HTTP/2: a cluster that insists on it answers 503 in this version, others get HTTP/1.1"

CLUSTER_FIELDS: dict[type[Message], Rules] = {
    Cluster: {
        **read("name", "alt_stat_name", "type", "eds_cluster_config", "connect_timeout", "lb_policy"),
        **read("load_assignment", "max_requests_per_connection", "circuit_breakers", "outlier_detection"),
        **read("upstream_http_protocol_options", "common_http_protocol_options", "http2_protocol_options"),
        **read("http_protocol_options", "typed_extension_protocol_options", "protocol_selection"),
        **read("dns_refresh_rate", "dns_jitter", "respect_dns_ttl", "dns_lookup_family"),
        **read("round_robin_lb_config", "least_request_lb_config", "ring_hash_lb_config", "maglev_lb_config"),
        **read(
            "load_balancing_policy",
            "lb_subset_config",
            "common_lb_config",
            "transport_socket",
            "transport_socket_matches",
        ),
        **read("metadata", "upstream_connection_options", "filters", "upstream_bind_config"),
        **read("typed_dns_resolver_config", "dns_resolution_config", "dns_resolvers", "use_tcp_for_dns_lookups"),
        **read("cluster_type", "wait_for_warm_on_init"),
        **read("dns_failure_refresh_rate", "original_dst_lb_config"),
        **rejected(
            "sockets are found by transport_socket_matches, as in what istiod sends", "transport_socket_matcher"
        ),
        **rejected("requests go over HTTP, not into a TCP stream", "upstream_config"),
        **read("health_checks", "ignore_health_on_host_removal"),
        **ignored("the application is one caller and has one pool", "connection_pool_per_downstream_connection"),
        **ignored(TUNING, "per_connection_buffer_limit_bytes"),
        **ignored("hosts nobody uses are let go when their connections are idle", "cleanup_interval"),
        **ignored("it saves the first requests a handshake; `mesh.warm` does so here", "preconnect_policy"),
        **ignored("of TCP proxying only; HTTP's always end", "close_connections_on_host_health_failure"),
        **ignored(STATISTICS, "lrs_server", "lrs_report_endpoint_metrics", "track_timeout_budgets"),
        **ignored(STATISTICS, "track_cluster_stats"),
    },
    ClusterCustomClusterType: read("name", "typed_config"),
    AggregateConfig: read("clusters"),
    ClusterRefreshRate: read("base_interval", "max_interval"),
    DnsCluster: {
        **read("dns_refresh_rate", "dns_failure_refresh_rate", "respect_dns_ttl", "dns_jitter"),
        **read("typed_dns_resolver_config", "dns_lookup_family", "all_addresses_in_single_endpoint"),
    },
    DnsClusterRefreshRate: read("base_interval", "max_interval"),
    ClusterOriginalDstLbConfig: {
        **read("use_http_header", "http_header_name", "upstream_port_override", "metadata_key"),
    },
    UpstreamConnectionOptionsHappyEyeballsConfig: read("first_address_family_version", "first_address_family_count"),
    ClusterEdsClusterConfig: {
        **read("service_name", "eds_config"),
    },
    ClusterTransportSocketMatch: read("name", "match", "transport_socket"),
    ClusterCommonLbConfig: {
        **read("healthy_panic_threshold", "locality_weighted_lb_config", "consistent_hashing_lb_config"),
        **read("zone_aware_lb_config", "override_host_status", "close_connections_on_host_set_change"),
        **ignored(
            "it saves Envoy work when many hosts change; here each change is seen at once", "update_merge_window"
        ),
        **read("ignore_new_hosts_until_first_hc"),
    },
    ClusterCommonLbConfigLocalityWeightedLbConfig: {},
    ClusterCommonLbConfigZoneAwareLbConfig: read("routing_enabled", "min_cluster_size", "fail_traffic_on_panic"),
    CircuitBreakers: read("thresholds", "per_host_thresholds"),
    CircuitBreakersThresholds: {
        **read("priority", "max_connections", "max_pending_requests", "max_requests", "max_retries", "retry_budget"),
        **read("max_connection_pools"),
        **ignored("what remains is known without: `remaining` of each in `Upstream.breakers`", "track_remaining"),
    },
    CircuitBreakersThresholdsRetryBudget: read("budget_percent", "min_retry_concurrency"),
    OutlierDetection: {
        **read("consecutive_5xx", "enforcing_consecutive_5xx", "consecutive_gateway_failure"),
        **read("enforcing_consecutive_gateway_failure", "consecutive_local_origin_failure"),
        **read("enforcing_consecutive_local_origin_failure", "split_external_local_origin_errors", "interval"),
        **read("base_ejection_time", "max_ejection_time", "max_ejection_time_jitter", "max_ejection_percent"),
        **read("always_eject_one_host"),
        **read("enforcing_success_rate", "enforcing_local_origin_success_rate", "success_rate_minimum_hosts"),
        **read("success_rate_request_volume", "success_rate_stdev_factor", "failure_percentage_threshold"),
        **read("enforcing_failure_percentage", "enforcing_failure_percentage_local_origin"),
        **read("failure_percentage_minimum_hosts", "failure_percentage_request_volume"),
        **read("successful_active_health_check_uneject_host"),
        **rejected("detectors by extension; Envoy has one, and only for counting", "monitors"),
    },
    BindConfig: ignored(
        "of inbound clusters only; an outbound cluster with one is rejected",
        *("source_address", "freebind", "socket_options", "extra_source_addresses", "additional_source_addresses"),
        "local_address_selector",
    ),
    UpstreamConnectionOptions: {
        **read("tcp_keepalive", "happy_eyeballs_config"),
        **ignored("for access logs", "set_local_interface_name_on_upstream_connections"),
    },
    Filter: {**read("name", "typed_config"), **rejected("filters by discovery (ECDS)", "config_discovery")},
    UpstreamOptions: {
        **read("common_http_protocol_options", "upstream_http_protocol_options", "explicit_http_config"),
        **read("use_downstream_protocol_config", "auto_config"),
        **read("retry_policy", "hash_policy", "http_filters"),
        **rejected("copies are sent where a route says so", "request_mirror_policies"),
        **rejected("answers are checked by meshio's own rules, which are stricter", "header_validation_config"),
        **read("outlier_detection"),
    },
    HttpProtocolOptionsOutlierDetection: read("error_matcher"),
    MatchPredicate: {
        **read("or_match", "and_match", "not_match", "any_match", "http_response_headers_match"),
        **rejected(
            "only the head of a response is looked at",
            *("http_request_headers_match", "http_request_trailers_match", "http_response_trailers_match"),
            *("http_request_generic_body_match", "http_response_generic_body_match"),
        ),
    },
    MatchPredicateMatchSet: read("rules"),
    HttpHeadersMatch: read("headers"),
    HttpProtocolOptionsExplicitHttpConfig: {
        **read("http_protocol_options", "http2_protocol_options"),
        **rejected("HTTP/3 is not spoken in this version", "http3_protocol_options"),
    },
    HttpProtocolOptionsUseDownstreamHttpConfig: {
        **read("http_protocol_options", "http2_protocol_options"),
        **ignored("requests come as HTTP/1.1", "http3_protocol_options"),
    },
    HttpProtocolOptionsAutoHttpConfig: {
        **read("http_protocol_options", "http2_protocol_options"),
        **ignored("HTTP/3 is one of several choices, and never taken", "http3_protocol_options"),
        **ignored("HTTP/3 is one of several choices, and never taken", "alternate_protocols_cache_options"),
    },
    HttpProtocolOptions: {
        **read("idle_timeout", "max_connection_duration", "max_headers_count", "max_response_headers_kb"),
        **read("max_requests_per_connection", "max_stream_duration"),
        **read("headers_with_underscores_action"),  # of a listener; Envoy does nothing with a cluster's
    },
    UpstreamHttpProtocolOptions: {
        **read("auto_sni", "auto_san_validation"),
        **rejected("the server name is that of the authority", "override_auto_sni_header"),
    },
    Http1ProtocolOptions: {
        **ignored(
            "about requests that a proxy accepts",
            *("allow_absolute_url", "accept_http_10", "default_host_for_http_10", "allow_custom_methods"),
            *("ignore_http_11_upgrade", "use_balsa_parser", "override_stream_error_on_invalid_http_message"),
        ),
        **ignored("trailers are always passed on", "enable_trailers"),
        **read("header_key_format", "send_fully_qualified_url"),
        **rejected("an answer that is chunked has no length: both together smuggle answers", "allow_chunked_length"),
    },
    Http1ProtocolOptionsHeaderKeyFormat: read("proper_case_words", "stateful_formatter"),
    Http1ProtocolOptionsHeaderKeyFormatProperCaseWords: {},
    PreserveCaseFormatterConfig: ignored(
        "names mean the same in any spelling (RFC 9110, 5.1): they go out in lower case, with aiohttp as written",
        *("forward_reason_phrase", "formatter_type_on_envoy_headers"),
    ),
    Http2ProtocolOptions: {
        **read("max_concurrent_streams"),
        **ignored(
            NO_HTTP2,
            *("hpack_table_size", "initial_stream_window_size", "initial_connection_window_size", "max_metadata_size"),
            *("max_outbound_frames", "max_outbound_control_frames", "max_inbound_priority_frames_per_stream"),
            *("max_consecutive_inbound_frames_with_empty_payload", "use_oghttp2_codec", "connection_keepalive"),
            *("max_inbound_window_update_frames_per_data_frame_sent", "stream_error_on_invalid_http_messaging"),
            *("override_stream_error_on_invalid_http_message", "allow_metadata", "allow_connect"),
            "custom_settings_parameters",
        ),
    },
    **POLICY_FIELDS,
    **DYNAMIC_FIELDS,
    **RESOLVER_FIELDS,
    **TLS_FIELDS,
    LoadBalancingPolicy: read("policies"),
    LoadBalancingPolicyPolicy: read("typed_extension_config"),
}
