"""Clusters: what each part becomes."""

from datetime import timedelta

import pytest

from meshio.resilience.limits import Limits, RetryBudget
from meshio.resilience.outlier import OutlierDetection
from meshio.resilience.rates import FailurePercentage, SuccessRate
from meshio.upstream.cluster import Dns, Eds, HttpOptions, OriginalDestination, Static
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.proto.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    ClusterCommonLbConfig,
    ClusterEdsClusterConfig,
    UpstreamConnectionOptions,
)
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDiscoveryType as Type
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDnsLookupFamily as Family
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterLbPolicy as Lb
from meshio.xds.proto.envoy.config.cluster.v3 import OutlierDetection as Outlier
from meshio.xds.proto.envoy.config.core.v3 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    Metadata,
    RoutingPriority,
    TcpKeepalive,
)
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as Upstream
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
    HttpProtocolOptionsUseDownstreamHttpConfig,
)
from meshio.xds.proto.envoy.type.v3 import Percent
from meshio.xds.proto.google.protobuf import Struct
from tests.xds.clusters import assigned, cluster, decode, endpoints, spoken

DISCOVERIES = {
    "EDS": (cluster(), Eds("c")),
    "EDS by another name": (cluster(eds_cluster_config=ClusterEdsClusterConfig(service_name="s")), Eds("s")),
    "static": (cluster(type=Type.STATIC, load_assignment=endpoints("10.0.0.1")), Static(assigned("10.0.0.1"))),
    "static by default": (cluster(type=None), Static(LoadAssignment("c"))),
    "strict DNS": (cluster(type=Type.STRICT_DNS, load_assignment=endpoints("a", "b")), Dns(assigned("a", "b"))),
    "logical DNS": (
        cluster(
            type=Type.LOGICAL_DNS,
            load_assignment=endpoints("a"),
            dns_refresh_rate=timedelta(seconds=60),
            dns_jitter=timedelta(milliseconds=100),
            respect_dns_ttl=True,
            dns_lookup_family=Family.V4_ONLY,
        ),
        Dns(assigned("a"), False, 60.0, 0.1, True, "v4"),
    ),
    "original destination": (
        cluster(type=Type.ORIGINAL_DST, lb_policy=Lb.CLUSTER_PROVIDED),
        OriginalDestination(),
    ),
}


@pytest.mark.parametrize("case", DISCOVERIES)
def test_each_kind_of_discovery_becomes_its_value(case: str) -> None:
    message, expected = DISCOVERIES[case]
    assert decode(message).discovery == expected


COMMON = HttpProtocolOptions(
    idle_timeout=timedelta(0),
    max_connection_duration=timedelta(seconds=9),
    max_requests_per_connection=7,
    max_response_headers_kb=8,
    max_headers_count=5,
)
PROTOCOLS = {
    "nothing said": (cluster(), HttpOptions()),
    "HTTP/1.1": (
        spoken(Upstream(COMMON, explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(Http1ProtocolOptions()))),
        HttpOptions("http/1.1", None, 7, 9.0, 0, 8, 5),
    ),
    "HTTP/2": (
        spoken(
            Upstream(
                explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(
                    http2_protocol_options=Http2ProtocolOptions(max_concurrent_streams=3)
                )
            )
        ),
        HttpOptions("h2", max_concurrent_streams=3),
    ),
    "as it came": (
        spoken(Upstream(use_downstream_protocol_config=HttpProtocolOptionsUseDownstreamHttpConfig())),
        HttpOptions("downstream"),
    ),
    "by ALPN": (spoken(Upstream(auto_config=HttpProtocolOptionsAutoHttpConfig())), HttpOptions("auto")),
    "HTTP/2, old": (cluster(http2_protocol_options=Http2ProtocolOptions()), HttpOptions("h2")),
    "as it came, old": (cluster(protocol_selection=1), HttpOptions("downstream")),
    "requests, old": (cluster(max_requests_per_connection=4), HttpOptions(max_requests_per_connection=4)),
}


@pytest.mark.parametrize("case", PROTOCOLS)
def test_the_protocol_is_the_one_that_is_said(case: str) -> None:
    message, expected = PROTOCOLS[case]
    assert decode(message).http == expected


def test_thresholds_of_normal_priority_are_the_limits() -> None:
    high = CircuitBreakersThresholds(RoutingPriority.HIGH, 1, 1, 1, 1)
    normal = CircuitBreakersThresholds(
        max_connections=2, max_requests=0, retry_budget=CircuitBreakersThresholdsRetryBudget(Percent(50.0))
    )
    decoded = decode(cluster(circuit_breakers=CircuitBreakers([high, normal])))
    assert decoded.limits == Limits(connections=2, requests=0, budget=RetryBudget(50.0, 3))
    assert decoded.high_limits == Limits(1, 1, 1, 1)


def test_the_first_thresholds_of_a_priority_count() -> None:
    said = [CircuitBreakersThresholds(priority, max_connections=n) for n in (1, 2) for priority in RoutingPriority]
    decoded = decode(cluster(circuit_breakers=CircuitBreakers(said)))
    assert (decoded.limits, decoded.high_limits) == (Limits(1), Limits(1))


def test_a_priority_without_thresholds_has_envoy_s_defaults() -> None:
    pools = CircuitBreakersThresholds(RoutingPriority.HIGH, max_connection_pools=4)
    decoded = decode(cluster(circuit_breakers=CircuitBreakers([pools])))
    assert (decoded.limits, decoded.high_limits) == (Limits(), Limits(pools=4))


def test_connections_of_each_host_have_a_limit_of_their_own() -> None:
    high, normal = CircuitBreakersThresholds(RoutingPriority.HIGH, 7), CircuitBreakersThresholds(max_connections=3)
    decoded = decode(cluster(circuit_breakers=CircuitBreakers(per_host_thresholds=[high, normal])))
    assert (decoded.limits, decoded.high_limits) == (Limits(per_host=3), Limits(per_host=7))


def test_of_thresholds_for_each_host_only_those_that_count_are_looked_at() -> None:
    odd = CircuitBreakersThresholds(max_requests=1)
    said = CircuitBreakers(per_host_thresholds=[CircuitBreakersThresholds(max_connections=3), odd])
    assert decode(cluster(circuit_breakers=said)).limits == Limits(per_host=3)


def test_outlier_detection_is_taken_over_with_envoy_s_defaults() -> None:
    said = Outlier(
        consecutive_5xx=3,
        interval=timedelta(seconds=1),
        base_ejection_time=timedelta(seconds=400),
        enforcing_success_rate=0,
        always_eject_one_host=True,
    )
    assert decode(cluster(outlier_detection=said)).outlier == OutlierDetection(
        consecutive_5xx=3,
        interval=1.0,
        base_ejection_time=400.0,
        max_ejection_time=400.0,
        always_eject_one_host=True,
        success_rate=SuccessRate(enforcing=0),
    )


def test_an_outlier_detection_that_says_nothing_ejects_by_success_rate() -> None:
    assert decode(cluster(outlier_detection=Outlier())).outlier == OutlierDetection()
    assert OutlierDetection().success_rate == SuccessRate(5, 100, 1900, 100, 100)
    assert OutlierDetection().failure_percentage == FailurePercentage(85, 5, 50, 0, 0)


def test_the_rest_of_a_cluster_is_taken_over() -> None:
    metadata = {
        "config": "/apis/x",
        "subset": "v1",
        "external": True,
        "services": [{"host": "h", "namespace": "n", "name": "x"}],
    }
    message = cluster(
        alt_stat_name="alt",
        connect_timeout=timedelta(milliseconds=1500),
        common_lb_config=ClusterCommonLbConfig(Percent(0.0)),
        close_connections_on_host_health_failure=True,
        upstream_connection_options=UpstreamConnectionOptions(TcpKeepalive(3, keepalive_interval=5)),
        metadata=Metadata({"istio": Struct.from_dict(metadata)}),
    )
    value = decode(message)
    assert (value.alt_stat_name, value.connect_timeout, value.panic_threshold) == ("alt", 1.5, 0.0)
    assert (value.origin, value.subset, value.services, value.external) == ("/apis/x", "v1", (("h", "x", "n"),), True)
    assert value.tcp_keepalive == (3, 7200, 5)
