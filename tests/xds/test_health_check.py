"""Active health checks: what they become, and which are refused."""

from datetime import timedelta

import pytest
from betterproto2 import Message

from meshio.errors import Rejected
from meshio.upstream.health_check import GrpcProbe, HealthCheck, HttpProbe, TcpProbe
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster, ClusterCommonLbConfig
from meshio.xds.proto.envoy.config.core.v3 import (
    HeaderValue,
    HeaderValueOption,
    Http2ProtocolOptions,
    RequestMethod,
)
from meshio.xds.proto.envoy.config.core.v3 import HealthCheck as Check
from meshio.xds.proto.envoy.config.core.v3 import HealthCheckGrpcHealthCheck as Grpc
from meshio.xds.proto.envoy.config.core.v3 import HealthCheckHttpHealthCheck as Http
from meshio.xds.proto.envoy.config.core.v3 import HealthCheckPayload as Payload
from meshio.xds.proto.envoy.config.core.v3 import HealthCheckTcpHealthCheck as Tcp
from meshio.xds.proto.envoy.type.v3 import Int64Range
from tests.xds.clusters import cluster, decode

SECOND = timedelta(seconds=1)
NOTHING, BACKWARDS = timedelta(0), timedelta(seconds=-1)


def said(**more: object) -> Check:
    told: dict[str, object] = {
        "timeout": SECOND, "interval": SECOND, "unhealthy_threshold": 2, "healthy_threshold": 3,
    }  # fmt: skip
    if not any(name.endswith("_health_check") for name in more):
        more["http_health_check"] = Http(path="/h")
    return Check(**{**told, **more})  # type: ignore[arg-type]


def over_http(**more: object) -> Cluster:
    return cluster(health_checks=[said(http_health_check=Http(**{"path": "/h", **more}))])  # type: ignore[arg-type]


def checked(message: Cluster) -> HealthCheck:
    found = decode(message).health_check
    assert found is not None
    return found


def test_intervals_have_each_other_for_defaults() -> None:
    check = checked(cluster(health_checks=[said()]))
    assert check == HealthCheck(HttpProbe("/h"), 1.0, 1.0, 2, 3, 1.0, 1.0, 1.0, 60.0, 60.0)
    more = said(unhealthy_interval=2 * SECOND, no_traffic_interval=5 * SECOND, healthy_edge_interval=7 * SECOND)
    check = checked(cluster(health_checks=[more]))
    assert (check.unhealthy_interval, check.unhealthy_edge, check.healthy_edge) == (2.0, 2.0, 7.0)
    assert (check.no_traffic, check.no_traffic_healthy) == (5.0, 5.0)


def test_what_the_cluster_says_about_them() -> None:
    common = ClusterCommonLbConfig(ignore_new_hosts_until_first_hc=True)
    message = cluster(health_checks=[said()], common_lb_config=common, ignore_health_on_host_removal=True)
    check = checked(message)
    assert (check.exclude_new, check.leave_at_once, check.reuse) == (True, True, True)
    assert decode(cluster()).health_check is None


def test_payloads_are_hexadecimal_or_bytes() -> None:
    probe = checked(
        cluster(
            health_checks=[said(tcp_health_check=Tcp(Payload(text="00fF"), [Payload(binary=b"x"), Payload(text="61")]))]
        )
    ).probe
    assert probe == TcpProbe(b"\x00\xff", (b"x", b"a"))
    assert checked(cluster(health_checks=[said(tcp_health_check=Tcp(Payload(binary=b"x")))])).probe == TcpProbe()


def test_grpc() -> None:
    metadata = [HeaderValueOption(header=HeaderValue(key="X", value="50%%"))]
    check = said(grpc_health_check=Grpc("svc", "me", metadata))
    message = cluster(health_checks=[check], http2_protocol_options=Http2ProtocolOptions())
    assert checked(message).probe == GrpcProbe("svc", "me", (("x", "50%"),))


REFUSED: dict[str, tuple[Message, str]] = {
    "nothing to ask": (cluster(health_checks=[said(http_health_check=None)]), "health_checks[0]"),
    "a custom checker": (cluster(health_checks=[said(custom_health_check=b"\n\x01x")]), "custom_health_check"),
    "two": (cluster(health_checks=[said(), said()]), "health_checks"),
    "no timeout": (cluster(health_checks=[said(timeout=None)]), "timeout"),
    "a timeout of nothing": (cluster(health_checks=[said(timeout=NOTHING)]), "timeout"),
    "no interval": (cluster(health_checks=[said(interval=None)]), "interval"),
    "no threshold": (cluster(health_checks=[said(healthy_threshold=None)]), "threshold"),
    "an edge of nothing": (cluster(health_checks=[said(healthy_edge_interval=NOTHING)]), "healthy_edge_interval"),
    "no traffic for nothing": (cluster(health_checks=[said(no_traffic_interval=NOTHING)]), "no_traffic_interval"),
    "a jitter backwards": (cluster(health_checks=[said(interval_jitter=BACKWARDS)]), "interval_jitter"),
    "an initial jitter backwards": (cluster(health_checks=[said(initial_jitter=BACKWARDS)]), "initial_jitter"),
    "no path": (over_http(path=""), "path"),
    "a path of two lines": (over_http(path="/\n"), "path"),
    "a host of two lines": (over_http(host="a\nb"), "host"),
    "CONNECT": (over_http(method=RequestMethod.CONNECT), "method"),
    "a method of tomorrow": (over_http(method=RequestMethod(99)), "method"),
    "a body of a GET": (over_http(send=Payload(text="00")), "send"),
    "half a byte": (over_http(receive=[Payload(text="0")]), "receive[0].text"),
    "blanks between bytes": (over_http(receive=[Payload(text="00 11")]), "receive[0].text"),
    "no text": (over_http(receive=[Payload(text="")]), "receive[0].text"),
    "no payload": (over_http(receive=[Payload()]), "receive[0]"),
    "more than the buffer holds": (over_http(receive=[Payload(text="0000")], response_buffer_size=1), "receive"),
    "a status below 100": (over_http(expected_statuses=[Int64Range(99, 200)]), "expected_statuses[0]"),
    "a status above 599": (over_http(retriable_statuses=[Int64Range(200, 601)]), "retriable_statuses[0]"),
    "no status": (over_http(expected_statuses=[Int64Range(200, 200)]), "expected_statuses[0]"),
    "HTTP/2": (over_http(codec_client_type=1), "codec_client_type"),
    "a host header": (
        over_http(request_headers_to_add=[HeaderValueOption(header=HeaderValue("host", "x"))]),
        "request_headers_to_add[0]",
    ),
    "no path to remove": (over_http(request_headers_to_remove=[":path"]), "request_headers_to_remove[0]"),
    "gRPC over HTTP/1.1": (cluster(health_checks=[said(grpc_health_check=Grpc())]), "grpc_health_check"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_honoured_is_refused_with_its_place(case: str) -> None:
    message, field = REFUSED[case]
    assert isinstance(message, Cluster)
    with pytest.raises(Rejected) as refused:
        decode(message)
    assert field in refused.value.field
