"""Active health checks -> `HealthCheck`."""

from collections.abc import Iterable

from meshio.upstream.health_check import OK, AddedHeader, GrpcProbe, HealthCheck, HttpProbe, Probe, Range, TcpProbe
from meshio.xds.duration import positive, seconds
from meshio.xds.matching import text
from meshio.xds.mutation import added, removed
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster
from meshio.xds.proto.envoy.config.core.v3 import HealthCheck as HealthCheckMessage
from meshio.xds.proto.envoy.config.core.v3 import (
    HealthCheckGrpcHealthCheck,
    HealthCheckHttpHealthCheck,
    HealthCheckPayload,
    HealthCheckTcpHealthCheck,
    RequestMethod,
)
from meshio.xds.proto.envoy.type.v3 import Int64Range
from meshio.xds.text import one_line

BODILESS = (RequestMethod.METHOD_UNSPECIFIED, RequestMethod.GET, RequestMethod.HEAD, RequestMethod.DELETE,
            RequestMethod.TRACE)  # fmt: skip
MOST = 1024  # bytes of an answer that are looked at, unless the control plane says otherwise


def translate_health_check(place: Place, cluster: Cluster, speaks_h2: bool) -> HealthCheck | None:
    """The one health check that a cluster may have; None without. Raises Rejected."""
    if not cluster.health_checks:
        return None
    if len(cluster.health_checks) > 1:
        raise place.rejected("only one is supported", "health_checks")
    place, message = place.at("health_checks", 0), cluster.health_checks[0]
    probe = translate_probe(place, message)
    if isinstance(probe, GrpcProbe) and not speaks_h2:
        raise place.rejected("needs a cluster that speaks HTTP/2", "grpc_health_check")
    if message.unhealthy_threshold is None or message.healthy_threshold is None:
        raise place.rejected("both thresholds are required", "unhealthy_threshold")
    interval = positive(place.at("interval"), message.interval)
    unhealthy = other(place, message, "unhealthy_interval", interval)
    no_traffic = other(place, message, "no_traffic_interval", 60.0)
    common = cluster.common_lb_config
    return HealthCheck(
        probe,
        positive(place.at("timeout"), message.timeout),
        interval,
        message.unhealthy_threshold,
        message.healthy_threshold,
        unhealthy,
        other(place, message, "unhealthy_edge_interval", unhealthy),
        other(place, message, "healthy_edge_interval", interval),
        no_traffic,
        other(place, message, "no_traffic_healthy_interval", no_traffic),
        seconds(place.at("initial_jitter"), message.initial_jitter) or 0.0,
        seconds(place.at("interval_jitter"), message.interval_jitter) or 0.0,
        message.interval_jitter_percent,
        reuse=message.reuse_connection is not False,
        exclude_new=common is not None and common.ignore_new_hosts_until_first_hc,
        leave_at_once=cluster.ignore_health_on_host_removal,
    )


def other(place: Place, message: HealthCheckMessage, name: str, usual: float) -> float:
    """An interval that has another one for its default."""
    given = getattr(message, name)
    return usual if given is None else positive(place.at(name), given)


def translate_probe(place: Place, message: HealthCheckMessage) -> Probe:
    if message.http_health_check is not None:
        return http_probe(place.at("http_health_check"), message.http_health_check)
    if message.tcp_health_check is not None:
        return tcp_probe(place.at("tcp_health_check"), message.tcp_health_check)
    if message.grpc_health_check is not None:
        return grpc_probe(place.at("grpc_health_check"), message.grpc_health_check)
    raise place.rejected("asks neither over HTTP, nor over TCP, nor over gRPC")


def http_probe(place: Place, message: HealthCheckHttpHealthCheck) -> HttpProbe:
    if not message.path:
        raise place.rejected("is required", "path")
    if message.method not in RequestMethod or message.method == RequestMethod.CONNECT:
        raise place.rejected("is not a method for this", "method")
    send = payload(place.at("send"), message.send) if message.send is not None else b""
    if message.send is not None and message.method in BODILESS:
        raise place.rejected("needs a method that has a body: POST, PUT, PATCH or OPTIONS", "send")
    receive = payloads(place, message.receive)
    most = MOST if message.response_buffer_size is None else message.response_buffer_size
    if most and sum(map(len, receive)) > most:
        raise place.rejected(f"is longer than response_buffer_size, which is {most}", "receive")
    service = message.service_name_matcher
    return HttpProbe(
        one_line(place.at("path"), message.path),
        one_line(place.at("host"), message.host),
        RequestMethod(message.method or RequestMethod.GET).name or "GET",
        send,
        ranges(place, "expected_statuses", message.expected_statuses) or OK,
        ranges(place, "retriable_statuses", message.retriable_statuses),
        receive,
        most,
        text(place.at("service_name_matcher"), service) if service is not None else None,
        tuple(headers(place, message)),
        tuple(
            removed(place.at("request_headers_to_remove", index), name)
            for index, name in enumerate(message.request_headers_to_remove)
        ),
    )


def headers(place: Place, message: HealthCheckHttpHealthCheck) -> Iterable[AddedHeader]:
    for index, option in enumerate(message.request_headers_to_add):
        each = added(place.at("request_headers_to_add", index), option)
        yield AddedHeader(each.name, each.value, each.action, each.keep_empty)


def tcp_probe(place: Place, message: HealthCheckTcpHealthCheck) -> TcpProbe:
    """As in Envoy, what is to be sent has to be text; bytes are not sent."""
    send = message.send
    return TcpProbe(
        payload(place.at("send"), send) if send is not None and send.text is not None else b"",
        payloads(place, message.receive),
    )


def grpc_probe(place: Place, message: HealthCheckGrpcHealthCheck) -> GrpcProbe:
    authority = one_line(place.at("authority"), message.authority)
    pairs = []
    for index, option in enumerate(message.initial_metadata):
        here = place.at("initial_metadata", index)
        each = added(here, option)
        if "%" in each.value.replace("%%", ""):
            raise here.rejected("substitutions in metadata are not supported", "header.value")
        pairs.append((each.name, each.value.replace("%%", "%")))
    return GrpcProbe(message.service_name, authority, tuple(pairs))


def ranges(place: Place, name: str, given: list[Int64Range]) -> tuple[Range, ...]:
    """Statuses from 100 to 599."""
    for index, each in enumerate(given):
        if not 100 <= each.start < each.end <= 600:
            raise place.at(name, index).rejected("must be from 100 on, up to but not including 600, and not empty")
    return tuple((each.start, each.end) for each in given)


def payloads(place: Place, given: list[HealthCheckPayload]) -> tuple[bytes, ...]:
    return tuple(payload(place.at("receive", index), each) for index, each in enumerate(given))


def payload(place: Place, message: HealthCheckPayload) -> bytes:
    """Bytes, or a text of hexadecimal digits."""
    if message.text is None:
        if message.binary is None:
            raise place.rejected("needs a text or bytes")
        return message.binary
    if not message.text:
        raise place.rejected("must not be empty", "text")
    try:
        return unhex(message.text)
    except ValueError:
        raise place.rejected(f"{message.text!r} is not hexadecimal", "text") from None


def unhex(digits: str) -> bytes:
    """Raises ValueError, for blanks too."""
    if not digits.isalnum():
        raise ValueError(digits)
    return bytes.fromhex(digits)
