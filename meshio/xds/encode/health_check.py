"""HealthCheck -> HealthCheck."""

from meshio.upstream.endpoint import AS_REQUESTS, CheckedAt
from meshio.upstream.health_check import GrpcProbe, HealthCheck, HttpProbe, Range, TcpProbe
from meshio.xds.encode.parts import address, seconds
from meshio.xds.encode.text import encode_text
from meshio.xds.mutation import ACTIONS
from meshio.xds.proto.envoy.config.core.v3 import (
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    HealthCheckGrpcHealthCheck,
    HealthCheckHttpHealthCheck,
    HealthCheckPayload,
    HealthCheckTcpHealthCheck,
    RequestMethod,
)
from meshio.xds.proto.envoy.config.core.v3 import HealthCheck as HealthCheckMessage
from meshio.xds.proto.envoy.config.endpoint.v3 import EndpointHealthCheckConfig
from meshio.xds.proto.envoy.type.v3 import Int64Range

CODES: dict[str, HeaderValueOptionHeaderAppendAction] = {
    action: HeaderValueOptionHeaderAppendAction(code) for code, action in ACTIONS.items()
}


def encode_health_check(check: HealthCheck) -> HealthCheckMessage:
    """`exclude_new` and `leave_at_once` are the cluster's to say."""
    encoded = HealthCheckMessage(
        timeout=seconds(check.timeout),
        interval=seconds(check.interval),
        initial_jitter=seconds(check.initial_jitter or None),
        interval_jitter=seconds(check.jitter or None),
        interval_jitter_percent=check.jitter_percent,
        unhealthy_threshold=check.unhealthy_threshold,
        healthy_threshold=check.healthy_threshold,
        reuse_connection=check.reuse,
        no_traffic_interval=seconds(check.no_traffic),
        no_traffic_healthy_interval=seconds(check.no_traffic_healthy),
        unhealthy_interval=seconds(check.unhealthy_interval),
        unhealthy_edge_interval=seconds(check.unhealthy_edge),
        healthy_edge_interval=seconds(check.healthy_edge),
    )
    match check.probe:
        case HttpProbe() as probe:
            encoded.http_health_check = encode_http(probe)
        case TcpProbe(send, receive):
            encoded.tcp_health_check = HealthCheckTcpHealthCheck(
                send=HealthCheckPayload(text=send.hex()) if send else None, receive=encode_parts(receive)
            )
        case GrpcProbe(service, authority, metadata):
            pairs = [encode_header(name, value.replace("%", "%%")) for name, value in metadata]
            encoded.grpc_health_check = HealthCheckGrpcHealthCheck(service, authority, pairs)
    return encoded


def encode_http(probe: HttpProbe) -> HealthCheckHttpHealthCheck:
    return HealthCheckHttpHealthCheck(
        host=probe.host,
        path=probe.path,
        method=RequestMethod[probe.method],
        send=HealthCheckPayload(binary=probe.send) if probe.send else None,
        receive=encode_parts(probe.receive),
        response_buffer_size=probe.most,
        request_headers_to_add=[encode_header(h.name, h.value, h.action, keep=h.keep_empty) for h in probe.add],
        request_headers_to_remove=list(probe.remove),
        expected_statuses=encode_ranges(probe.expected),
        retriable_statuses=encode_ranges(probe.retriable),
        service_name_matcher=encode_text(probe.service) if probe.service is not None else None,
    )


def encode_header(name: str, value: str, action: str = "append", *, keep: bool = False) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value), append_action=CODES[action], keep_empty_value=keep
    )


def encode_parts(parts: tuple[bytes, ...]) -> list[HealthCheckPayload]:
    return [HealthCheckPayload(binary=part) for part in parts]


def encode_ranges(ranges: tuple[Range, ...]) -> list[Int64Range]:
    return [Int64Range(start=start, end=end) for start, end in ranges]


def encode_checked_at(check: CheckedAt) -> EndpointHealthCheckConfig | None:
    """Nothing when checks go where requests go."""
    if check == AS_REQUESTS:
        return None
    return EndpointHealthCheckConfig(
        port_value=check.port,
        hostname=check.hostname,
        address=address(*check.address) if check.address is not None else None,
        disable_active_health_check=check.disabled,
    )
