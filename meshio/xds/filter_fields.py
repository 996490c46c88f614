"""What happens to each field of the HTTP filters."""

from betterproto2 import Message

from meshio.xds.listener_fields import LOGS, STATISTICS, TRACING
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutation as Mutation
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutationRemoveOnMatch
from meshio.xds.proto.envoy.config.core.v3 import (
    KeyValueAppend,
    KeyValueMutation,
    KeyValuePair,
    RuntimeFeatureFlag,
    RuntimePercent,
    RuntimeUInt32,
)
from meshio.xds.proto.envoy.config.rbac.v3 import Action as RbacMatcherAction
from meshio.xds.proto.envoy.config.rbac.v3 import (
    Permission,
    PermissionSet,
    Policy,
    Principal,
    PrincipalAuthenticated,
    PrincipalSet,
    SourcedMetadata,
)
from meshio.xds.proto.envoy.config.rbac.v3 import Rbac as RbacRules
from meshio.xds.proto.envoy.config.route.v3 import (
    RateLimit,
    RateLimitAction,
    RateLimitActionDestinationCluster,
    RateLimitActionGenericKey,
    RateLimitActionHeaderValueMatch,
    RateLimitActionMaskedRemoteAddress,
    RateLimitActionMetaData,
    RateLimitActionQueryParameters,
    RateLimitActionQueryParameterValueMatch,
    RateLimitActionRemoteAddress,
    RateLimitActionRequestHeaders,
    RateLimitHitsAddend,
)
from meshio.xds.proto.envoy.extensions.common.matching.v3 import ExtensionWithMatcher, ExtensionWithMatcherPerRoute
from meshio.xds.proto.envoy.extensions.common.ratelimit.v3 import LocalRateLimitDescriptor, RateLimitDescriptorEntry
from meshio.xds.proto.envoy.extensions.filters.common.fault.v3 import (
    FaultDelay,
    FaultDelayHeaderDelay,
    FaultRateLimit,
    FaultRateLimitFixedLimit,
    FaultRateLimitHeaderLimit,
)
from meshio.xds.proto.envoy.extensions.filters.http.adaptive_concurrency.v3 import (
    AdaptiveConcurrency,
    GradientControllerConfig,
    GradientControllerConfigConcurrencyLimitCalculationParams,
    GradientControllerConfigMinimumRttCalculationParams,
)
from meshio.xds.proto.envoy.extensions.filters.http.admission_control.v3 import (
    AdmissionControl,
    AdmissionControlSuccessCriteria,
    AdmissionControlSuccessCriteriaGrpcCriteria,
    AdmissionControlSuccessCriteriaHttpCriteria,
)
from meshio.xds.proto.envoy.extensions.filters.http.buffer.v3 import Buffer, BufferPerRoute
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, FaultAbortHeaderAbort, HttpFault
from meshio.xds.proto.envoy.extensions.filters.http.header_mutation.v3 import (
    HeaderMutation,
    HeaderMutationPerRoute,
    Mutations,
)
from meshio.xds.proto.envoy.extensions.filters.http.local_ratelimit.v3 import LocalRateLimit
from meshio.xds.proto.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router
from meshio.xds.proto.envoy.extensions.filters.http.stateful_session.v3 import (
    StatefulSession,
    StatefulSessionPerRoute,
)
from meshio.xds.proto.envoy.extensions.http.stateful_session.cookie.v3 import CookieBasedSessionState
from meshio.xds.proto.envoy.extensions.http.stateful_session.header.v3 import HeaderBasedSessionState
from meshio.xds.proto.envoy.type.http.v3 import Cookie, CookieAttribute
from meshio.xds.proto.envoy.type.metadata.v3 import MetadataKey, MetadataKeyPathSegment
from meshio.xds.proto.envoy.type.v3 import HttpStatus, TokenBucket
from meshio.xds.rule import Rules, ignored, read, rejected

NO_RUNTIME = "meshio has no runtime layer: what is configured always holds"

FILTER_FIELDS: dict[type[Message], Rules] = {
    AdaptiveConcurrency: read("gradient_controller_config", "enabled", "concurrency_limit_exceeded_status"),
    GradientControllerConfig: read("sample_aggregate_percentile", "concurrency_limit_params", "min_rtt_calc_params"),
    GradientControllerConfigConcurrencyLimitCalculationParams: read(
        "max_concurrency_limit", "concurrency_update_interval"
    ),
    GradientControllerConfigMinimumRttCalculationParams: read(
        *("interval", "fixed_value", "request_count", "jitter", "min_concurrency", "buffer")
    ),
    AdmissionControl: read(
        *("enabled", "success_criteria", "sampling_window", "aggression", "sr_threshold", "rps_threshold"),
        "max_rejection_probability",
    ),
    AdmissionControlSuccessCriteria: read("http_criteria", "grpc_criteria"),
    AdmissionControlSuccessCriteriaHttpCriteria: read("http_success_status"),
    AdmissionControlSuccessCriteriaGrpcCriteria: read("grpc_success_status"),
    RuntimeFeatureFlag: {**read("default_value"), **ignored(NO_RUNTIME, "runtime_key")},
    RuntimePercent: {**read("default_value"), **ignored(NO_RUNTIME, "runtime_key")},
    RuntimeUInt32: {**read("default_value"), **ignored(NO_RUNTIME, "runtime_key")},
    Rbac: {
        **read("rules", "matcher"),
        **ignored(STATISTICS, "rules_stat_prefix", "shadow_rules_stat_prefix", "track_per_rule_stats"),
        **ignored("counts only: rules in shadow refuse nothing", "shadow_rules", "shadow_matcher"),
    },
    RbacPerRoute: read("rbac"),
    RbacMatcherAction: read("name", "action"),
    ExtensionWithMatcher: {
        **read("xds_matcher", "extension_config"),
        **rejected("Envoy takes xds_matcher in its place", "matcher"),
    },
    ExtensionWithMatcherPerRoute: read("xds_matcher"),
    RbacRules: {**read("action", "policies"), **rejected("audit logs are not written", "audit_logging_options")},
    Policy: {
        **read("permissions", "principals"),
        **rejected("conditions in CEL", "condition", "checked_condition"),
        **ignored("says how conditions are read, of which there are none", "cel_config"),
    },
    Permission: {
        **read("and_rules", "or_rules", "any", "header", "url_path", "destination_port", "destination_port_range"),
        **read("not_rule", "requested_server_name", "metadata", "sourced_metadata", "uri_template"),
        **rejected("the address that the application connected to is not known", "destination_ip"),
        **rejected("permissions of others' making cannot be known", "matcher"),
    },
    PermissionSet: read("rules"),
    Principal: {
        **read("and_ids", "or_ids", "any", "authenticated", "source_ip", "direct_remote_ip", "remote_ip", "header"),
        **read("url_path", "not_id", "metadata", "sourced_metadata", "filter_state"),
        **rejected("principals of others' making cannot be known", "custom"),
    },
    PrincipalSet: read("ids"),
    SourcedMetadata: read("metadata_matcher", "metadata_source"),
    PrincipalAuthenticated: ignored("an application has no certificate, whatever its name", "principal_name"),
    Router: {
        **ignored(STATISTICS, "dynamic_stats", "suppress_grpc_request_failure_code_stats"),
        **ignored(TRACING, "start_child_span"),
        **ignored(LOGS, "upstream_log", "upstream_log_options"),
        **read("strict_check_headers", "respect_expected_rq_timeout", "suppress_envoy_headers"),
        **read("upstream_http_filters"),
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
    StatefulSession: {**read("session_state", "strict"), **ignored(STATISTICS, "stat_prefix")},
    StatefulSessionPerRoute: read("disabled", "stateful_session"),
    CookieBasedSessionState: read("cookie"),
    HeaderBasedSessionState: read("name"),
    Cookie: read("name", "ttl", "path", "attributes"),
    CookieAttribute: read("name", "value"),
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
    LocalRateLimit: {
        **read("stat_prefix", "status", "token_bucket", "filter_enabled", "filter_enforced", "descriptors", "stage"),
        **read("request_headers_to_add_when_not_enforced", "response_headers_to_add", "enable_x_ratelimit_headers"),
        **read("vh_rate_limits", "always_consume_default_token_bucket", "rate_limited_as_resource_exhausted"),
        **read("rate_limits", "max_dynamic_descriptors"),
        **rejected("an application has no connections to count by", "local_rate_limit_per_downstream_connection"),
        **rejected("a process does not know how many it shares a limit with", "local_cluster_rate_limit"),
    },
    LocalRateLimitDescriptor: read("entries", "token_bucket"),
    RateLimitDescriptorEntry: read("key", "value"),
    TokenBucket: read("max_tokens", "tokens_per_fill", "fill_interval"),
    HttpStatus: read("code"),
    RateLimit: {
        **read("stage", "disable_key", "actions", "hits_addend"),
        **rejected("Envoy's local rate limit refuses it, too", "limit"),
        **ignored("Envoy's local rate limit counts all of a route's limits at once", "apply_on_stream_done"),
    },
    RateLimitHitsAddend: read("number", "format"),
    RateLimitAction: {
        **read("destination_cluster", "request_headers", "query_parameters", "remote_address", "generic_key"),
        **read("header_value_match", "metadata", "masked_remote_address", "query_parameter_value_match"),
        **rejected("the name of the process's own cluster is not counted by", "source_cluster"),
        **rejected("Envoy refuses it, too: `metadata` took its place", "dynamic_metadata"),
        **rejected("descriptors of others' making cannot be known", "extension"),
    },
    RateLimitActionDestinationCluster: {},
    RateLimitActionRequestHeaders: read("header_name", "descriptor_key", "skip_if_absent"),
    RateLimitActionQueryParameters: read("query_parameter_name", "descriptor_key", "skip_if_absent"),
    RateLimitActionRemoteAddress: {},
    RateLimitActionMaskedRemoteAddress: read("v4_prefix_mask_len", "v6_prefix_mask_len"),
    RateLimitActionGenericKey: read("descriptor_value", "descriptor_key"),
    RateLimitActionHeaderValueMatch: read("descriptor_key", "descriptor_value", "expect_match", "headers"),
    RateLimitActionQueryParameterValueMatch: read(
        "descriptor_key", "descriptor_value", "expect_match", "query_parameters"
    ),
    RateLimitActionMetaData: read("descriptor_key", "metadata_key", "default_value", "source", "skip_if_absent"),
    MetadataKey: read("key", "path"),
    MetadataKeyPathSegment: read("key"),
    Mutation: read("remove", "append", "remove_on_match"),
    HeaderMutationRemoveOnMatch: read("key_matcher"),
    KeyValueMutation: read("append", "remove"),
    KeyValueAppend: {**read("record", "action"), **rejected("Envoy takes a record instead", "entry")},
    KeyValuePair: read("key", "value"),
}
