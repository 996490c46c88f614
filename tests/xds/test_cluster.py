"""Clusters: what each part becomes, and what is refused."""

from datetime import timedelta

import pytest
from betterproto2 import Message

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.errors import Rejected
from meshio.resilience.limits import Limits, RetryBudget
from meshio.resilience.outlier import OutlierDetection
from meshio.upstream import cluster as values
from meshio.upstream.cluster import ClientTls, Dns, Eds, HttpOptions, OriginalDestination, Static, TlsMatch
from meshio.upstream.endpoint import Endpoint as EndpointValue
from meshio.upstream.endpoint import LoadAssignment, LocalityEndpoints
from meshio.xds.decode import Decoder
from meshio.xds.proto.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    Cluster,
    ClusterCommonLbConfig,
    ClusterCommonLbConfigLocalityWeightedLbConfig,
    ClusterEdsClusterConfig,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
    ClusterTransportSocketMatch,
    Filter,
    LoadBalancingPolicy,
    LoadBalancingPolicyPolicy,
    UpstreamConnectionOptions,
)
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDiscoveryType as Type
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDnsLookupFamily as Family
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterLbPolicy as Lb
from meshio.xds.proto.envoy.config.cluster.v3 import OutlierDetection as Outlier
from meshio.xds.proto.envoy.config.core.v3 import (
    Address,
    BindConfig,
    ConfigSource,
    DataSource,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    Metadata,
    RoutingPriority,
    RuntimeDouble,
    SocketAddress,
    TcpKeepalive,
    TransportSocket,
    TypedExtensionConfig,
    UpstreamHttpProtocolOptions,
)
from meshio.xds.proto.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    LocalityLbConfig,
    LocalityLbConfigLocalityWeightedLbConfig,
    SlowStartConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequest as LeastMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.random.v3 import Random as RandomMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash as RingMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin as RobinMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.wrr_locality.v3 import WrrLocality
from meshio.xds.proto.envoy.extensions.transport_sockets.raw_buffer.v3 import RawBuffer
from meshio.xds.proto.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateProviderPluginInstance,
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCombinedCertificateValidationContext,
    SdsSecretConfig,
    SubjectAltNameMatcher,
    TlsParameters,
    UpstreamTlsContext,
)
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as Upstream
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
    HttpProtocolOptionsUseDownstreamHttpConfig,
)
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher
from meshio.xds.proto.envoy.type.v3 import Percent
from meshio.xds.proto.google.protobuf import Any, Struct
from meshio.xds.types import CLUSTER

UNKNOWN = Any("type.googleapis.com/some.Thing", b"")


def cluster(**said: object) -> Cluster:
    return Cluster(**({"name": "c", "type": Type.EDS} | said))  # type: ignore[arg-type]


def decode(message: Cluster) -> values.Cluster:
    value = Decoder().decode(CLUSTER, message.name, bytes(message))
    assert isinstance(value, values.Cluster)
    return value


def endpoints(*hosts: str) -> ClusterLoadAssignment:
    found = [Address(socket_address=SocketAddress(address=host, port_value=80)) for host in hosts]
    return ClusterLoadAssignment(
        "c", [LocalityLbEndpoints(lb_endpoints=[LbEndpoint(Endpoint(each)) for each in found])]
    )


def assigned(*hosts: str) -> LoadAssignment:
    return LoadAssignment("c", (LocalityEndpoints(tuple(EndpointValue((host, 80)) for host in hosts)),))


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


def extended(*configs: Message | Any) -> Cluster:
    packed = [config if isinstance(config, Any) else Any.pack(config) for config in configs]
    policies = [LoadBalancingPolicyPolicy(TypedExtensionConfig("x", config)) for config in packed]
    return cluster(load_balancing_policy=LoadBalancingPolicy(policies))


LOCALITIES = LocalityLbConfig(locality_weighted_lb_config=LocalityLbConfigLocalityWeightedLbConfig())
POLICIES = {
    "round robin": (cluster(), RoundRobin(), False),
    "least request": (cluster(lb_policy=Lb.LEAST_REQUEST), LeastRequest(), False),
    "least of five": (
        cluster(
            lb_policy=Lb.LEAST_REQUEST,
            least_request_lb_config=ClusterLeastRequestLbConfig(5, RuntimeDouble(0.5)),
        ),
        LeastRequest(5, 0.5),
        False,
    ),
    "a slow start": (
        cluster(
            round_robin_lb_config=ClusterRoundRobinLbConfig(
                ClusterSlowStartConfig(timedelta(seconds=30), RuntimeDouble(2.0), Percent(5.0))
            )
        ),
        RoundRobin(SlowStart(30.0, 2.0, 5.0)),
        False,
    ),
    "a slow start with defaults": (
        cluster(
            lb_policy=Lb.LEAST_REQUEST,
            least_request_lb_config=ClusterLeastRequestLbConfig(
                slow_start_config=ClusterSlowStartConfig(timedelta(seconds=30))
            ),
        ),
        LeastRequest(slow_start=SlowStart(30.0, 1.0, 10.0)),
        False,
    ),
    "a slow start without a window": (
        cluster(round_robin_lb_config=ClusterRoundRobinLbConfig(ClusterSlowStartConfig())),
        RoundRobin(),
        False,
    ),
    "a slow start of an extension": (
        extended(RobinMessage(slow_start_config=SlowStartConfig(timedelta(seconds=3)))),
        RoundRobin(SlowStart(3.0)),
        False,
    ),
    "random": (cluster(lb_policy=Lb.RANDOM), Random(), False),
    "ring": (
        cluster(lb_policy=Lb.RING_HASH, ring_hash_lb_config=ClusterRingHashLbConfig(10, maximum_ring_size=20)),
        RingHash(10, 20),
        False,
    ),
    "Maglev": (cluster(lb_policy=Lb.MAGLEV, maglev_lb_config=ClusterMaglevLbConfig(251)), Maglev(251), False),
    "provided": (
        cluster(type=Type.ORIGINAL_DST, lb_policy=Lb.CLUSTER_PROVIDED),
        ClusterProvided(),
        False,
    ),
    "by locality": (
        cluster(
            common_lb_config=ClusterCommonLbConfig(
                locality_weighted_lb_config=ClusterCommonLbConfigLocalityWeightedLbConfig()
            )
        ),
        RoundRobin(),
        True,
    ),
    "the first extension that is known": (extended(UNKNOWN, RandomMessage(), RobinMessage()), Random(), False),
    "an extension wins": (extended(LeastMessage(choice_count=3)), LeastRequest(3), False),
    "an extension by locality": (extended(RobinMessage(locality_lb_config=LOCALITIES)), RoundRobin(), True),
    "a ring by locality": (
        extended(RingMessage(locality_weighted_lb_config=LocalityLbConfigLocalityWeightedLbConfig())),
        RingHash(),
        True,
    ),
    "localities, then another": (
        extended(
            WrrLocality(
                LoadBalancingPolicy([LoadBalancingPolicyPolicy(TypedExtensionConfig("x", Any.pack(RandomMessage())))])
            )
        ),
        Random(),
        True,
    ),
}


@pytest.mark.parametrize("case", POLICIES)
def test_each_policy_becomes_its_value(case: str) -> None:
    message, policy, by_locality = POLICIES[case]
    value = decode(message)
    assert (value.policy, value.locality_weighted) == (policy, by_locality)


def spoken(options: Message) -> Cluster:
    return cluster(typed_extension_protocol_options={"http": Any.pack(options)})


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
    limits = decode(cluster(circuit_breakers=CircuitBreakers([high, normal]))).limits
    assert limits == Limits(connections=2, requests=0, budget=RetryBudget(50.0, 3))


def test_outlier_detection_is_taken_over_with_envoy_s_defaults() -> None:
    said = Outlier(
        consecutive_5xx=3,
        interval=timedelta(seconds=1),
        base_ejection_time=timedelta(seconds=400),
        enforcing_success_rate=0,
        always_eject_one_host=True,
    )
    assert decode(cluster(outlier_detection=said)).outlier == OutlierDetection(
        consecutive_5xx=3, interval=1.0, base_ejection_time=400.0, max_ejection_time=400.0, always_eject_one_host=True
    )


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
    assert (value.origin, value.subset, value.services, value.external) == ("/apis/x", "v1", (("h", "n"),), True)
    assert value.tcp_keepalive == (3, 7200, 5)


def socket(common: CommonTlsContext, **said: object) -> TransportSocket:
    return TransportSocket("tls", Any.pack(UpstreamTlsContext(common, **said)))  # type: ignore[arg-type]


def exactly(name: str) -> StringMatcher:
    return StringMatcher(exact=name)


ISTIO = CommonTlsContext(
    tls_params=TlsParameters(3, 4),  # type: ignore[arg-type]
    tls_certificate_sds_secret_configs=[SdsSecretConfig("default")],
    combined_validation_context=CommonTlsContextCombinedCertificateValidationContext(
        CertificateValidationContext(match_subject_alt_names=[exactly("spiffe://a"), exactly("spiffe://b")]),
        SdsSecretConfig("ROOTCA"),
    ),
    alpn_protocols=["istio"],
)
TLS = {
    "Istio's": (
        socket(ISTIO, sni="s"),
        ClientTls("s", "default", "ROOTCA", ("spiffe://a", "spiffe://b"), ("istio",), "TLSv1.2", "TLSv1.3"),
    ),
    "a file of roots": (
        socket(CommonTlsContext(validation_context=CertificateValidationContext(DataSource(filename="/r.pem")))),
        ClientTls(roots="file-root:/r.pem"),
    ),
    "the system's roots": (
        socket(CommonTlsContext(validation_context=CertificateValidationContext(system_root_certs=b""))),
        ClientTls(roots="file-root:system"),
    ),
    "roots by SDS": (
        socket(CommonTlsContext(validation_context_sds_secret_config=SdsSecretConfig("r"))),
        ClientTls(roots="r"),
    ),
    "from a provider": (
        socket(
            CommonTlsContext(
                tls_certificate_provider_instance=CertificateProviderPluginInstance("d"),
                validation_context=CertificateValidationContext(
                    ca_certificate_provider_instance=CertificateProviderPluginInstance("d"),
                    match_typed_subject_alt_names=[SubjectAltNameMatcher(3, exactly("u"))],  # type: ignore[arg-type]
                ),
            )
        ),
        ClientTls(certificate="provider:d", roots="provider:d", subject_names=("u",)),
    ),
    "names from the request": (
        socket(CommonTlsContext(), auto_host_sni=True, auto_sni_san_validation=True),
        ClientTls(auto_sni=True, auto_san=True),
    ),
    "plain": (TransportSocket("raw", Any.pack(RawBuffer())), None),
    "plain by name": (TransportSocket("envoy.transport_sockets.raw_buffer"), None),
}


@pytest.mark.parametrize("case", TLS)
def test_a_transport_socket_becomes_its_tls(case: str) -> None:
    message, expected = TLS[case]
    assert decode(cluster(transport_socket=message)).tls == expected


def test_sni_from_the_request_is_said_in_the_protocol_options_too() -> None:
    auto = UpstreamHttpProtocolOptions(auto_sni=True, auto_san_validation=True)
    options = Upstream(upstream_http_protocol_options=auto, auto_config=HttpProtocolOptionsAutoHttpConfig())
    message = spoken(options)
    message.transport_socket = socket(CommonTlsContext())
    assert decode(message).tls == ClientTls(auto_sni=True, auto_san=True)


def matched(**match: object) -> list[ClusterTransportSocketMatch]:
    return [ClusterTransportSocketMatch("m", Struct.from_dict(match), TransportSocket("raw", Any.pack(RawBuffer())))]


def test_endpoints_choose_their_tls_by_metadata() -> None:
    message = cluster(transport_socket_matches=matched(tlsMode="istio"))
    assert decode(message).tls_matches == (TlsMatch("m", (("tlsMode", "istio"),), None),)


def secured(context: CertificateValidationContext) -> Cluster:
    return cluster(transport_socket=socket(CommonTlsContext(validation_context=context)))


CARES = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"


def resolving(kind: str, config: bytes) -> Cluster:
    return cluster(typed_dns_resolver_config=TypedExtensionConfig("r", Any(f"type.googleapis.com/{kind}", config)))


def test_how_hard_a_resolver_tries_is_its_own_matter() -> None:
    assert decode(resolving(CARES, b"\x2a\x02\x08\x64")) == decode(cluster())


REFUSED = {
    "a name where an address belongs": (
        cluster(type=Type.STATIC, load_assignment=endpoints("x.y")),
        "address",
        "not an IP",
    ),
    "two logical endpoints": (
        cluster(type=Type.LOGICAL_DNS, load_assignment=endpoints("a", "b")),
        "load_assignment",
        "exactly one",
    ),
    "a refresh of nothing": (
        cluster(type=Type.STRICT_DNS, dns_refresh_rate=timedelta(0)),
        "dns_refresh_rate",
        "more than zero",
    ),
    "a family of tomorrow": (cluster(type=Type.STRICT_DNS, dns_lookup_family=9), "dns_lookup_family", "not supported"),
    "a type of tomorrow": (cluster(type=Type(9)), "type", "not supported"),
    "a custom type": (cluster(type=None, cluster_type=b"x"), "cluster_type", "not supported"),
    "a policy of tomorrow": (cluster(lb_policy=99), "lb_policy", "not supported"),
    "a provided policy without destination": (cluster(lb_policy=Lb.CLUSTER_PROVIDED), "lb_policy", "ORIGINAL_DST"),
    "one choice": (
        cluster(lb_policy=Lb.LEAST_REQUEST, least_request_lb_config=ClusterLeastRequestLbConfig(1)),
        "choice_count",
        "at least 2",
    ),
    "a slow start without growth": (
        extended(LeastMessage(slow_start_config=SlowStartConfig(timedelta(seconds=3), RuntimeDouble(0.0)))),
        "slow_start_config.aggression",
        "above 0",
    ),
    "a slow start with more than all": (
        extended(
            LeastMessage(slow_start_config=SlowStartConfig(timedelta(seconds=3), min_weight_percent=Percent(101.0)))
        ),
        "slow_start_config.min_weight_percent",
        "from 0 to 100",
    ),
    "a negative bias": (extended(LeastMessage(active_request_bias=RuntimeDouble(-1.0))), "bias", "negative"),
    "a ring upside down": (
        cluster(lb_policy=Lb.RING_HASH, ring_hash_lb_config=ClusterRingHashLbConfig(9, maximum_ring_size=8)),
        "minimum_ring_size",
        "maximum_ring_size",
    ),
    "another hash": (
        cluster(lb_policy=Lb.RING_HASH, ring_hash_lb_config=ClusterRingHashLbConfig(hash_function=1)),  # type: ignore[arg-type]
        "hash_function",
        "xxHash",
    ),
    "a table that is not prime": (
        cluster(lb_policy=Lb.MAGLEV, maglev_lb_config=ClusterMaglevLbConfig(65536)),
        "table_size",
        "prime",
    ),
    "no extension that is known": (extended(UNKNOWN), "load_balancing_policy.policies", "no policy"),
    "localities, then nothing": (extended(WrrLocality()), "endpoint_picking_policy", "required"),
    "success rate by default": (cluster(outlier_detection=Outlier()), "enforcing_success_rate", "only 0"),
    "success rate": (
        cluster(outlier_detection=Outlier(enforcing_success_rate=100)),
        "outlier_detection.enforcing_success_rate",
        "not supported",
    ),
    "local success rate by default": (
        cluster(outlier_detection=Outlier(enforcing_success_rate=0, split_external_local_origin_errors=True)),
        "enforcing_local_origin_success_rate",
        "only 0",
    ),
    "failure percentage": (
        cluster(outlier_detection=Outlier(enforcing_success_rate=0, enforcing_failure_percentage=1)),
        "enforcing_failure_percentage",
        "not supported",
    ),
    "more than everything": (
        cluster(outlier_detection=Outlier(enforcing_success_rate=0, max_ejection_percent=101)),
        "max_ejection_percent",
        "more than 100",
    ),
    "an interval of nothing": (
        cluster(outlier_detection=Outlier(enforcing_success_rate=0, interval=timedelta(0))),
        "outlier_detection.interval",
        "more than zero",
    ),
    "a panic beyond everything": (
        cluster(common_lb_config=ClusterCommonLbConfig(Percent(101.0))),
        "healthy_panic_threshold",
        "0 to 100",
    ),
    "a budget beyond everything": (
        cluster(
            circuit_breakers=CircuitBreakers(
                [CircuitBreakersThresholds(retry_budget=CircuitBreakersThresholdsRetryBudget(Percent(101.0)))]
            )
        ),
        "thresholds[0].retry_budget.budget_percent",
        "0 to 100",
    ),
    "no time to connect": (cluster(connect_timeout=timedelta(0)), "connect_timeout", "more than zero"),
    "name servers of its own": (resolving(CARES, b"\x0a\x00"), "typed_dns_resolver_config", "field number 1 of Cares"),
    "a resolver of its own": (resolving("some.Resolver", b""), "typed_dns_resolver_config", "some.Resolver"),
    "half a resolver": (resolving(CARES, b"\x0a\x05"), "typed_dns_resolver_config", "malformed"),
    "endpoints from a file": (
        cluster(eds_cluster_config=ClusterEdsClusterConfig(ConfigSource(path="/eds.json"))),
        "eds_cluster_config.eds_config.path",
        "ADS stream",
    ),
    "an address to bind to": (cluster(upstream_bind_config=BindConfig()), "upstream_bind_config", "cannot be bound"),
    "an unknown filter": (cluster(filters=[Filter("moon", UNKNOWN)]), "filters[0]", "moon"),
    "active health checks": (cluster(health_checks=[b"x"]), "health_checks", "active health checks"),
    "unknown protocol options": (
        cluster(typed_extension_protocol_options={"x": UNKNOWN}),
        "typed_extension_protocol_options[x]",
        "some.Thing",
    ),
    "options without a protocol": (spoken(Upstream()), "typed_extension_protocol_options", "no protocol"),
    "HTTP/3": (
        spoken(Upstream(explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http3_protocol_options=b""))),
        "http3_protocol_options",
        "HTTP/3",
    ),
    "an unknown socket": (cluster(transport_socket=TransportSocket("moon", UNKNOWN)), "transport_socket", "moon"),
    "a match without socket": (
        cluster(transport_socket_matches=[ClusterTransportSocketMatch("m")]),
        "transport_socket_matches[0].transport_socket",
        "required",
    ),
    "a match by number": (cluster(transport_socket_matches=matched(a=1.0)), "match", "only texts"),
    "two certificates": (
        cluster(
            transport_socket=socket(
                CommonTlsContext(tls_certificate_sds_secret_configs=[SdsSecretConfig("a"), SdsSecretConfig("b")])
            )
        ),
        "tls_certificate_sds_secret_configs",
        "only one",
    ),
    "a certificate in the cluster": (
        cluster(transport_socket=socket(CommonTlsContext(tls_certificates=[b"x"]))),
        "tls_certificates",
        "by name",
    ),
    "roots in the cluster": (
        secured(CertificateValidationContext(DataSource(inline_string="pem"))),
        "trusted_ca",
        "only a file",
    ),
    "names by prefix": (
        secured(CertificateValidationContext(match_subject_alt_names=[StringMatcher(prefix="spiffe://")])),
        "match_subject_alt_names",
        "only exact",
    ),
    "names by mail": (
        secured(CertificateValidationContext(match_typed_subject_alt_names=[SubjectAltNameMatcher(1, exactly("a"))])),  # type: ignore[arg-type]
        "match_typed_subject_alt_names",
        "DNS and URI",
    ),
    "TLS of tomorrow": (
        cluster(transport_socket=socket(CommonTlsContext(tls_params=TlsParameters(9)))),  # type: ignore[arg-type]
        "tls_params",
        "unknown version",
    ),
    "TLS of yesterday": (
        cluster(transport_socket=socket(CommonTlsContext(tls_params=TlsParameters(0, 2)))),  # type: ignore[arg-type]
        "tls_params.tls_maximum_protocol_version",
        "1.2 or newer",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_cluster_that_cannot_be_honoured_is_refused_with_the_place(case: str) -> None:
    message, field, reason = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        decode(message)
    assert refused.value.resource == "c"
    assert field in refused.value.field
    assert reason in refused.value.reason


def test_inbound_clusters_may_bind_to_an_address() -> None:
    message = cluster(name="inbound|80||", upstream_bind_config=BindConfig())
    assert decode(message).name == "inbound|80||"
