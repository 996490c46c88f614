"""What happens to each field of the HTTP filters."""

from betterproto2 import Message

from meshio.xds.listener_fields import LOGS, STATISTICS, TRACING
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutation as Mutation
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutationRemoveOnMatch
from meshio.xds.proto.envoy.config.core.v3 import KeyValueAppend, KeyValueMutation, KeyValuePair
from meshio.xds.proto.envoy.extensions.filters.common.fault.v3 import (
    FaultDelay,
    FaultDelayHeaderDelay,
    FaultRateLimit,
    FaultRateLimitFixedLimit,
    FaultRateLimitHeaderLimit,
)
from meshio.xds.proto.envoy.extensions.filters.http.buffer.v3 import Buffer, BufferPerRoute
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, FaultAbortHeaderAbort, HttpFault
from meshio.xds.proto.envoy.extensions.filters.http.header_mutation.v3 import (
    HeaderMutation,
    HeaderMutationPerRoute,
    Mutations,
)
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router
from meshio.xds.rule import Rules, ignored, read, rejected

NO_RUNTIME = "meshio has no runtime layer: what is configured always holds"

FILTER_FIELDS: dict[type[Message], Rules] = {
    Router: {
        **ignored(STATISTICS, "dynamic_stats", "suppress_grpc_request_failure_code_stats"),
        **ignored(TRACING, "start_child_span"),
        **ignored(LOGS, "upstream_log", "upstream_log_options"),
        **rejected("", "strict_check_headers", "respect_expected_rq_timeout", "upstream_http_filters"),
        **rejected("", "suppress_envoy_headers"),
    },
    Buffer: read("max_request_bytes"),
    BufferPerRoute: read("disabled", "buffer"),
    Cors: {},
    CorsPolicy: {
        **read("allow_origin_string_match", "allow_methods", "allow_headers", "expose_headers", "max_age"),
        **read("allow_credentials", "filter_enabled", "forward_not_matching_preflights"),
        **read("allow_private_network_access"),
        **ignored("counts only: a policy in shadow changes no request", "shadow_enabled"),
    },
    HttpFault: {
        **read("delay", "abort", "upstream_cluster", "headers", "downstream_nodes", "max_active_faults"),
        **read("response_rate_limit"),
        **ignored(
            NO_RUNTIME,
            *("delay_percent_runtime", "abort_percent_runtime", "delay_duration_runtime", "abort_http_status_runtime"),
            *("max_active_faults_runtime", "response_rate_limit_percent_runtime", "abort_grpc_status_runtime"),
        ),
        **ignored(STATISTICS, "disable_downstream_cluster_stats"),
        **ignored("for access logs", "filter_metadata"),
    },
    FaultDelay: read("fixed_delay", "header_delay", "percentage"),
    FaultDelayHeaderDelay: {},
    FaultAbort: read("http_status", "grpc_status", "header_abort", "percentage"),
    FaultAbortHeaderAbort: {},
    FaultRateLimit: read("fixed_limit", "header_limit", "percentage"),
    FaultRateLimitFixedLimit: read("limit_kbps"),
    FaultRateLimitHeaderLimit: {},
    HeaderMutation: read("mutations", "most_specific_header_mutations_wins"),
    HeaderMutationPerRoute: read("mutations"),
    Mutations: {
        **read("request_mutations", "query_parameter_mutations", "response_mutations"),
        **rejected("trailers stay as they are", "response_trailers_mutations", "request_trailers_mutations"),
    },
    Mutation: read("remove", "append", "remove_on_match"),
    HeaderMutationRemoveOnMatch: read("key_matcher"),
    KeyValueMutation: read("append", "remove"),
    KeyValueAppend: {**read("record", "action"), **rejected("Envoy takes a record instead", "entry")},
    KeyValuePair: read("key", "value"),
}
