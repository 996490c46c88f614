"""What happens to each field of a route configuration."""

from betterproto2 import Message

from meshio.xds.proto.envoy.config.route.v3 import (
    CorsPolicy,
    Decorator,
    DirectResponseAction,
    FilterAction,
    FilterConfig,
    HeaderMatcher,
    HedgePolicy,
    InternalRedirectPolicy,
    NonForwardingAction,
    QueryParameterMatcher,
    RedirectAction,
    RetryPolicy,
    RetryPolicyRateLimitedRetryBackOff,
    RetryPolicyResetHeader,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    RetryPolicyRetryPriority,
    Route,
    RouteAction,
    RouteActionHashPolicy,
    RouteActionHashPolicyConnectionProperties,
    RouteActionHashPolicyCookie,
    RouteActionHashPolicyCookieAttribute,
    RouteActionHashPolicyFilterState,
    RouteActionHashPolicyHeader,
    RouteActionHashPolicyQueryParameter,
    RouteActionMaxStreamDuration,
    RouteActionRequestMirrorPolicy,
    RouteActionUpgradeConfig,
    RouteConfiguration,
    RouteList,
    RouteMatch,
    RouteMatchConnectMatcher,
    RouteMatchGrpcRouteMatchOptions,
    RouteMatchTlsContextMatchOptions,
    VirtualHost,
    WeightedCluster,
    WeightedClusterClusterWeight,
)
from meshio.xds.proto.envoy.extensions.internal_redirect.allow_listed_routes.v3 import AllowListedRoutesConfig
from meshio.xds.proto.envoy.extensions.internal_redirect.previous_routes.v3 import PreviousRoutesConfig
from meshio.xds.proto.envoy.extensions.internal_redirect.safe_cross_scheme.v3 import SafeCrossSchemeConfig
from meshio.xds.proto.envoy.extensions.retry.host.omit_host_metadata.v3 import OmitHostMetadataConfig
from meshio.xds.proto.envoy.extensions.retry.priority.previous_priorities.v3 import PreviousPrioritiesConfig
from meshio.xds.rule import Rules, ignored, only, read, rejected

HEADERS = (
    *("request_headers_to_add", "request_headers_to_remove"),
    *("response_headers_to_add", "response_headers_to_remove"),
)
PLUGIN = "an extension of others' making would choose the cluster"
STATISTICS = "names of statistics only"
UNREAD = "Envoy itself does nothing with it"
TRACING = "no spans are made in this version"

ROUTE_FIELDS: dict[type[Message], Rules] = {
    RouteConfiguration: {
        **read("name", "virtual_hosts", *HEADERS, "most_specific_header_mutations_wins"),
        **read("max_direct_response_body_size_bytes", "request_mirror_policies", "ignore_port_in_host_matching"),
        **read("typed_per_filter_config"),
        **read("internal_only_headers", "vhost_header", "ignore_path_parameters_in_path_matching"),
        **rejected("virtual hosts by discovery: istiod sends whole tables", "vhds"),
        **rejected(PLUGIN, "cluster_specifier_plugins"),
        **only((False,), "a cluster that does not exist is answered with 503", "validate_clusters"),
        **ignored("Istio's note of where it comes from", "metadata"),
    },
    VirtualHost: {
        **read("name", "domains", "routes", *HEADERS, "typed_per_filter_config", "include_request_attempt_count"),
        **read("retry_policy", "per_request_buffer_limit_bytes", "request_body_buffer_limit"),
        **read("request_mirror_policies"),
        **ignored(UNREAD, "retry_policy_typed_config"),
        **read("include_attempt_count_in_response", "matcher", "require_tls"),
        **read("include_is_timeout_retry_header", "hedge_policy"),
        **read("rate_limits"),
        **ignored(STATISTICS, "virtual_clusters"),
        **read("cors", "metadata"),
    },
    Route: {
        **read("name", "match", "route", "redirect", "direct_response", "metadata", "decorator", *HEADERS),
        **read("typed_per_filter_config", "per_request_buffer_limit_bytes", "request_body_buffer_limit"),
        **read("filter_action", "non_forwarding_action"),  # that it is set: Envoy's router answers 503
        **ignored(TRACING, "tracing"),
        **ignored(STATISTICS, "stat_prefix"),
    },
    CorsPolicy: {
        **read("allow_origin_string_match", "allow_methods", "allow_headers", "expose_headers", "max_age"),
        **read("allow_credentials", "filter_enabled", "forward_not_matching_preflights"),
        **read("allow_private_network_access"),
        **ignored("counts only: a policy in shadow changes no request", "shadow_enabled"),
    },
    Decorator: read("operation", "propagate"),
    FilterConfig: read("config", "is_optional", "disabled"),
    NonForwardingAction: {},
    FilterAction: ignored("for a filter that takes the router's place; Envoy's router answers 503", "action"),
    RouteList: read("routes"),
    RouteMatch: {
        **read("prefix", "path", "safe_regex", "path_separated_prefix", "case_sensitive", "runtime_fraction"),
        **read("headers", "query_parameters", "connect_matcher", "path_match_policy", "grpc", "tls_context"),
        **read("dynamic_metadata", "filter_state"),
    },
    RouteMatchConnectMatcher: {},
    RouteMatchGrpcRouteMatchOptions: {},
    RouteMatchTlsContextMatchOptions: read("presented", "validated"),
    HeaderMatcher: {
        **read("name", "exact_match", "safe_regex_match", "range_match", "present_match", "prefix_match"),
        **read("suffix_match", "contains_match", "string_match", "invert_match", "treat_missing_header_as_empty"),
    },
    QueryParameterMatcher: read("name", "string_match", "present_match"),
    RouteAction: {
        **read("cluster", "weighted_clusters", "cluster_not_found_response_code", "prefix_rewrite", "regex_rewrite"),
        **read("host_rewrite_literal", "auto_host_rewrite", "host_rewrite_header", "host_rewrite_path_regex"),
        **read("timeout", "retry_policy", "hedge_policy", "request_mirror_policies", "hash_policy", "metadata_match"),
        **read("max_grpc_timeout", "grpc_timeout_offset", "max_stream_duration", "idle_timeout", "cluster_header"),
        **rejected(PLUGIN, "cluster_specifier_plugin", "inline_cluster_specifier_plugin"),
        **read("path_rewrite_policy"),
        **read("path_rewrite", "host_rewrite", "append_x_forwarded_host"),
        **ignored(UNREAD, "retry_policy_typed_config"),
        **read("upgrade_configs"),
        **read("internal_redirect_policy", "internal_redirect_action", "max_internal_redirects"),
        **read("rate_limits"),
        **read("priority"),
        **read("include_vh_rate_limits"),
        **ignored("HTTP/3 only", "early_data_policy"),
        **ignored("about the connection from the application to a proxy, which does not exist here", "flush_timeout"),
        **read("cors"),
    },
    RouteActionUpgradeConfig: {
        **read("upgrade_type", "enabled", "connect_config"),  # of the last, that it is set
    },
    RouteActionMaxStreamDuration: read("max_stream_duration", "grpc_timeout_header_max", "grpc_timeout_header_offset"),
    RouteActionRequestMirrorPolicy: {
        **read("cluster", "runtime_fraction", "disable_shadow_host_suffix_append"),
        **read("cluster_header", "request_headers_mutations", "host_rewrite_literal"),
        **ignored(TRACING, "trace_sampled"),
    },
    RouteActionHashPolicy: {
        **read("header", "cookie", "connection_properties", "query_parameter", "terminal", "filter_state"),
    },
    RouteActionHashPolicyHeader: read("header_name", "regex_rewrite"),
    RouteActionHashPolicyCookie: read("name", "ttl", "path", "attributes"),
    RouteActionHashPolicyCookieAttribute: read("name", "value"),
    RouteActionHashPolicyFilterState: read("key"),
    InternalRedirectPolicy: {
        **read("max_internal_redirects", "redirect_response_codes", "predicates", "allow_cross_scheme_redirect"),
        **read("response_headers_to_copy"),
    },
    AllowListedRoutesConfig: read("allowed_route_names"),
    PreviousRoutesConfig: {},
    SafeCrossSchemeConfig: {},
    RouteActionHashPolicyConnectionProperties: read("source_ip"),
    RouteActionHashPolicyQueryParameter: read("name"),
    WeightedCluster: {
        **read("clusters", "header_name", "use_hash_policy"),
        **ignored("the sum of the weights counts, as in Envoy", "total_weight"),
        **ignored("meshio has no runtime layer: the weights always hold", "runtime_key_prefix"),
    },
    WeightedClusterClusterWeight: {
        **read("name", "weight", "metadata_match", *HEADERS, "host_rewrite_literal", "typed_per_filter_config"),
        **read("cluster_header"),
    },
    RedirectAction: read(
        *("https_redirect", "scheme_redirect", "host_redirect", "port_redirect", "path_redirect", "prefix_rewrite"),
        *("regex_rewrite", "response_code", "strip_query"),
    ),
    DirectResponseAction: read("status", "body", "body_format"),
    RetryPolicy: {
        **read("retry_on", "num_retries", "per_try_timeout", "retry_host_predicate", "retriable_status_codes"),
        **read("host_selection_retry_max_attempts", "retry_back_off"),
        **read("per_try_idle_timeout", "retriable_headers", "retriable_request_headers", "rate_limited_retry_back_off"),
        **read("retry_priority"),
        **rejected("Envoy itself comes with none", "retry_options_predicates"),
    },
    RetryPolicyRetryHostPredicate: read("name", "typed_config"),
    RetryPolicyRetryPriority: read("name", "typed_config"),
    PreviousPrioritiesConfig: read("update_frequency"),
    OmitHostMetadataConfig: read("metadata_match"),
    RetryPolicyRetryBackOff: read("base_interval", "max_interval"),
    RetryPolicyRateLimitedRetryBackOff: read("reset_headers", "max_interval"),
    RetryPolicyResetHeader: read("name", "format"),
    HedgePolicy: {
        **read("initial_requests", "hedge_on_per_try_timeout"),
        **ignored("Envoy itself does nothing with it", "additional_request_chance"),
    },
}
