"""What happens to each field of active health checks."""

from betterproto2 import Message

from meshio.xds.proto.envoy.config.core.v3 import (
    HealthCheck,
    HealthCheckGrpcHealthCheck,
    HealthCheckHttpHealthCheck,
    HealthCheckPayload,
    HealthCheckTcpHealthCheck,
    HealthStatusSet,
)
from meshio.xds.proto.envoy.config.endpoint.v3 import EndpointHealthCheckConfig
from meshio.xds.rule import Rules, ignored, only, read, rejected

EVENTS = "events of health checks are not written"

HEALTH_FIELDS: dict[type[Message], Rules] = {
    HealthCheck: {
        **read("timeout", "interval", "initial_jitter", "interval_jitter", "interval_jitter_percent"),
        **read("unhealthy_threshold", "healthy_threshold", "reuse_connection", "http_health_check"),
        **read("tcp_health_check", "grpc_health_check", "no_traffic_interval", "no_traffic_healthy_interval"),
        **read("unhealthy_interval", "unhealthy_edge_interval", "healthy_edge_interval"),
        **rejected("custom health checkers", "custom_health_check"),
        **rejected("checks go over the same TLS as requests", "tls_options", "transport_socket_match_criteria"),
        **ignored("Envoy does not use it either", "alt_port"),
        **ignored(EVENTS, "event_log_path", "event_logger", "event_service", "always_log_health_check_failures"),
        **ignored(EVENTS, "always_log_health_check_success"),
    },
    HealthCheckHttpHealthCheck: {
        **read("host", "path", "send", "receive", "response_buffer_size", "request_headers_to_add"),
        **read("request_headers_to_remove", "expected_statuses", "retriable_statuses", "service_name_matcher"),
        **read("method"),
        **only((0,), "HTTP checks are made over HTTP/1.1", "codec_client_type"),
    },
    HealthCheckTcpHealthCheck: {
        **read("send", "receive"),
        **rejected("the PROXY protocol is not spoken", "proxy_protocol_config"),
    },
    HealthCheckGrpcHealthCheck: read("service_name", "authority", "initial_metadata"),
    HealthCheckPayload: read("text", "binary"),
    HealthStatusSet: read("statuses"),
    EndpointHealthCheckConfig: read("port_value", "hostname", "address", "disable_active_health_check"),
}
