"""What happens to each field of a listener."""

from datetime import timedelta

from betterproto2 import Message

from meshio.xds.proto.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    GrpcStatusFilter,
    HeaderFilter,
    LogTypeFilter,
    MetadataFilter,
    NotHealthCheckFilter,
    OrFilter,
    ResponseFlagFilter,
    RuntimeFilter,
    StatusCodeFilter,
    TraceableFilter,
)
from meshio.xds.proto.envoy.config.core.v3 import SchemeHeaderTransformation
from meshio.xds.proto.envoy.config.listener.v3 import (
    AdditionalAddress,
    ApiListener,
    Filter,
    FilterChain,
    FilterChainMatch,
    Listener,
)
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerInternalAddressConfig,
    HttpConnectionManagerUpgradeConfig,
    HttpFilter,
    LocalReplyConfig,
    Rds,
    RequestIdExtension,
    ResponseMapper,
)
from meshio.xds.proto.envoy.extensions.filters.network.tcp_proxy.v3 import (
    TcpProxy,
    TcpProxyWeightedCluster,
    TcpProxyWeightedClusterClusterWeight,
)
from meshio.xds.proto.envoy.extensions.request_id.uuid.v3 import UuidRequestIdConfig
from meshio.xds.proto.envoy.type.v3 import HashPolicy, HashPolicyFilterState, HashPolicySourceIp
from meshio.xds.rule import Rules, ignored, only, read, rejected

NOT_LISTENING = "about a socket that accepts connections: a client has none"
LOGS = "access logs are written by the sinks that the application chooses"
DOWNSTREAM = "about the connection from the application to a proxy, which does not exist here"
TRACING = "no spans are made in this version"
OWN_IDS = "an application's own x-request-id is kept in any case, as Envoy does without use_remote_address"
NO_TRACE = "no spans are made in this version, and the ids say so"
XFCC = "an application's own x-forwarded-client-cert is never passed on"
STATISTICS = "names of statistics only"

LISTENER_FIELDS: dict[type[Message], Rules] = {
    Listener: {
        **read("name", "address", "filter_chains", "default_filter_chain", "use_original_dst", "traffic_direction"),
        **read("api_listener"),
        **read("additional_addresses"),
        **rejected("filter chains by discovery: istiod sends whole listeners", "fcds_config"),
        **rejected("chains are found by their filter_chain_match, as in what istiod sends", "filter_chain_matcher"),
        **rejected("only TCP is spoken", "udp_listener_config"),
        **rejected("internal listeners are not supported (HBONE)", "internal_listener"),
        **ignored(
            NOT_LISTENING,
            *("listener_filters", "listener_filters_timeout", "continue_on_listener_filters_timeout", "bind_to_port"),
            *("transparent", "freebind", "socket_options", "tcp_fast_open_queue_length", "connection_balance_config"),
            *("reuse_port", "enable_reuse_port", "tcp_backlog_size", "max_connections_to_accept_per_socket_event"),
            *("enable_mptcp", "ignore_global_conn_limit", "bypass_overload_manager", "drain_type", "deprecated_v1"),
            "per_connection_buffer_limit_bytes",
        ),
        **ignored(STATISTICS, "stat_prefix"),
        **ignored(LOGS, "access_log"),
        **ignored("Istio's note of where it comes from", "metadata"),
    },
    AdditionalAddress: {**read("address"), **ignored(NOT_LISTENING, "socket_options")},
    SchemeHeaderTransformation: {
        **read("scheme_to_overwrite"),
        **ignored("HTTP/1.1 does not say the scheme to the upstream", "match_upstream"),
    },
    ApiListener: read("api_listener"),
    FilterChain: {
        **read("filter_chain_match", "filters", "name"),
        **ignored(NOT_LISTENING, "use_proxy_proto", "transport_socket_connect_timeout"),
        **ignored("Istio's note of where it comes from", "metadata"),
        **rejected("TLS of a listener: a client does not accept connections", "transport_socket"),
    },
    FilterChainMatch: {
        **read("destination_port", "prefix_ranges", "server_names", "transport_protocol", "application_protocols"),
        **rejected("Envoy itself does nothing with it, and chains would be met that were not meant", "address_suffix"),
        **rejected("Envoy itself does nothing with it, and chains would be met that were not meant", "suffix_len"),
        **rejected(
            "conditions on the source of a connection are not supported",
            *("direct_source_prefix_ranges", "source_type", "source_prefix_ranges", "source_ports"),
        ),
    },
    Filter: {**read("name", "typed_config"), **rejected("filters by discovery (ECDS)", "config_discovery")},
    TcpProxy: {
        **read("cluster", "weighted_clusters", "stat_prefix", "metadata_match", "hash_policy"),
        **ignored(LOGS, "access_log", "access_log_flush_interval", "flush_access_log_on_connected"),
        **ignored(LOGS, "access_log_options"),
        **ignored(DOWNSTREAM, "idle_timeout", "downstream_idle_timeout", "upstream_idle_timeout"),
        **ignored(DOWNSTREAM, "max_downstream_connection_duration", "proxy_protocol_tlvs", "max_early_data_bytes"),
        **ignored(DOWNSTREAM, "max_downstream_connection_duration_jitter_percentage"),
        **rejected("clusters come with all others, not one by one (ODCDS)", "on_demand"),
        **rejected("tunnels through another proxy are not made", "tunneling_config"),
        **rejected("connections are made when there is a request for them", "upstream_connect_mode"),
        **only((1,), "a connection is tried once", "max_connect_attempts"),
        **ignored("between tries to connect, of which there is one", "backoff_options"),
    },
    TcpProxyWeightedCluster: read("clusters"),
    TcpProxyWeightedClusterClusterWeight: read("name", "weight", "metadata_match"),
    HashPolicy: read("source_ip", "filter_state"),
    HashPolicySourceIp: {},
    HashPolicyFilterState: read("key"),
    HttpConnectionManager: {
        **read("stat_prefix", "rds", "route_config", "http_filters", "normalize_path", "merge_slashes"),
        **read("path_with_escaped_slashes_action", "upgrade_configs"),
        **rejected("route tables by scope: istiod gives each listener one table", "scoped_routes"),
        **read("scheme_header_transformation", "append_x_forwarded_port"),
        **read("local_reply_config"),
        **read("via", "server_name", "server_header_transformation", "generate_request_id", "request_id_extension"),
        **read("always_set_request_id_in_response", "tracing"),  # of tracing, that it is set: then routes are named
        **ignored("Envoy itself does nothing with it", "path_normalization_options"),
        **rejected("the caller is the application itself", "original_ip_detection_extensions", "xff_num_trusted_hops"),
        **rejected("headers are checked by meshio's own rules", "typed_header_validation_config"),
        **rejected("headers are changed where filters and routes say so", "early_header_mutation_extensions"),
        **rejected("an application says itself who it is", "add_user_agent"),
        **rejected("answers are for the application, which has the record of the request", "proxy_status_config"),
        **read("strip_matching_host_port", "strip_trailing_host_dot", "strip_any_host_port"),
        **read("use_remote_address", "internal_address_config", "skip_xff_append", "stream_idle_timeout"),
        **only((timedelta(0),), "the application's request is bounded by the application", "request_timeout"),
        **only((0, 1, 2, 3), XFCC, "forward_client_cert_details"),
        **rejected(XFCC, "forward_client_cert_matcher"),
        **read("common_http_protocol_options"),  # for what it refuses; the rest is about the application's connection
        **ignored(
            DOWNSTREAM,
            *("codec_type", "http1_safe_max_connection_duration", "stream_flush_timeout", "request_headers_timeout"),
            *("http_protocol_options", "http2_protocol_options", "http3_protocol_options", "max_request_headers_kb"),
            *("drain_timeout", "delayed_close_timeout", "set_current_client_cert_details"),
            *("proxy_100_continue", "represent_ipv4_remote_address_as_ipv4_mapped_ipv6"),
            *("stream_error_on_invalid_http_message", "append_local_overload"),
            "add_proxy_protocol_connection_state",
        ),
        **ignored(OWN_IDS, "preserve_external_request_id"),
        **ignored(LOGS, "access_log", "access_log_flush_interval", "flush_access_log_on_new_request"),
        **ignored(LOGS, "access_log_options"),
    },
    HttpConnectionManagerUpgradeConfig: {
        **read("upgrade_type", "enabled"),
        **rejected("filters of their own for an upgrade", "filters"),
    },
    LocalReplyConfig: read("mappers", "body_format"),
    ResponseMapper: read("filter", "status_code", "body", "body_format_override", "headers_to_add"),
    AccessLogFilter: {
        **read("status_code_filter", "response_flag_filter", "header_filter", "and_filter", "or_filter"),
        **read("not_health_check_filter"),
        **read("runtime_filter", "grpc_status_filter", "metadata_filter", "log_type_filter"),
        **read("traceable_filter"),  # that it is set: no request is traced
        **rejected("how long a request has taken is not noted for this", "duration_filter"),
        **rejected("there is no expression language", "extension_filter"),
    },
    StatusCodeFilter: read("comparison"),
    ComparisonFilter: read("op", "value"),
    ResponseFlagFilter: read("flags"),
    HeaderFilter: read("header"),
    AndFilter: read("filters"),
    OrFilter: read("filters"),
    NotHealthCheckFilter: {},
    GrpcStatusFilter: read("statuses", "exclude"),
    LogTypeFilter: read("types", "exclude"),
    MetadataFilter: read("matcher", "match_if_key_not_found"),
    RuntimeFilter: {
        **read("runtime_key", "percent_sampled"),
        **ignored("each answer has a chance of its own", "use_independent_randomness"),
    },
    TraceableFilter: {},
    RequestIdExtension: read("typed_config"),
    UuidRequestIdConfig: ignored(NO_TRACE, "pack_trace_reason", "use_request_id_for_trace_sampling"),
    HttpConnectionManagerInternalAddressConfig: {
        **read("cidr_ranges"),
        **ignored("no request comes over a Unix socket", "unix_sockets"),
    },
    Rds: {**read("route_config_name"), **ignored("everything comes over the one ADS stream", "config_source")},
    HttpFilter: {
        **read("name", "typed_config", "is_optional", "disabled"),
        **rejected("filters by discovery (ECDS)", "config_discovery"),
    },
}
