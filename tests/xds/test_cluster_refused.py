"""Clusters that cannot be honoured: each is refused, and the text says where."""

from datetime import timedelta

import pytest
from betterproto2 import Message

from meshio.errors import Rejected
from meshio.xds.proto.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    Cluster,
    ClusterCommonLbConfig,
    ClusterCommonLbConfigConsistentHashingLbConfig,
    ClusterCommonLbConfigLocalityWeightedLbConfig,
    ClusterEdsClusterConfig,
    ClusterLbSubsetConfig,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterTransportSocketMatch,
    Filter,
    LoadBalancingPolicy,
    LoadBalancingPolicyPolicy,
)
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterCommonLbConfigZoneAwareLbConfig as Zones
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterCustomClusterType as CustomType
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDiscoveryType as Type
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterLbPolicy as Lb
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterLbSubsetConfigLbSubsetSelector as OldSelector
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterOriginalDstLbConfig as Destination
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterRefreshRate as RefreshRate
from meshio.xds.proto.envoy.config.cluster.v3 import OutlierDetection as Outlier
from meshio.xds.proto.envoy.config.cluster.v3 import UpstreamConnectionOptions as Options
from meshio.xds.proto.envoy.config.cluster.v3 import UpstreamConnectionOptionsHappyEyeballsConfig as Eyeballs
from meshio.xds.proto.envoy.config.common.matcher.v3 import HttpHeadersMatch, MatchPredicate, MatchPredicateMatchSet
from meshio.xds.proto.envoy.config.core.v3 import (
    BindConfig,
    ConfigSource,
    DataSource,
    HealthStatus,
    HealthStatusSet,
    Http1ProtocolOptions,
    HttpProtocolOptions,
    RoutingPriority,
    TransportSocket,
    TypedExtensionConfig,
)
from meshio.xds.proto.envoy.config.endpoint.v3 import ClusterLoadAssignment
from meshio.xds.proto.envoy.config.route.v3 import RouteActionHashPolicy, RouteActionHashPolicyCookie
from meshio.xds.proto.envoy.extensions.clusters.aggregate.v3 import ClusterConfig as AggregateConfig
from meshio.xds.proto.envoy.extensions.clusters.dns.v3 import DnsCluster
from meshio.xds.proto.envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3 import (
    ClientSideWeightedRoundRobin as Reporting,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    ConsistentHashingLbConfig,
    SlowStartConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequest as LeastMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.maglev.v3 import Maglev as MaglevMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.override_host.v3 import OverrideHost as OverrideMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.override_host.v3 import (
    OverrideHostOverrideHostSource as Source,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash as RingMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin as RobinMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.subset.v3 import Subset as SubsetMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.wrr_locality.v3 import WrrLocality
from meshio.xds.proto.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    SdsSecretConfig,
    SubjectAltNameMatcher,
    TlsParameters,
)
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as Upstream
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsExplicitHttpConfig
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsOutlierDetection as Errors
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher
from meshio.xds.proto.envoy.type.metadata.v3 import MetadataKey
from meshio.xds.proto.envoy.type.v3 import Percent
from meshio.xds.proto.google.protobuf import Any
from tests.xds.clusters import (
    UNKNOWN,
    cluster,
    decode,
    endpoints,
    exactly,
    extended,
    matched,
    secured,
    socket,
    spoken,
)

COOKIE = RouteActionHashPolicy(cookie=RouteActionHashPolicyCookie("session", timedelta(seconds=3)))


def heavy(assignment: ClusterLoadAssignment) -> ClusterLoadAssignment:
    """Each endpoint as heavy as it may be."""
    for group in assignment.endpoints:
        for each in group.lb_endpoints:
            each.load_balancing_weight = 2**32 - 1
    return assignment


ROBIN = TypedExtensionConfig("x", Any.pack(RobinMessage()))
ANY_TURN = LoadBalancingPolicy([LoadBalancingPolicyPolicy(ROBIN)])
PAST = timedelta(seconds=-1)


def named(header: str) -> Cluster:
    """A cluster whose hosts a header names."""
    return extended(OverrideMessage([Source(header)], ANY_TURN))


def subsets(*selectors: OldSelector, **said: object) -> Cluster:
    """A cluster with subsets; settings that are not the cluster's are theirs."""
    own = {name: said.pop(name) for name in tuple(said) if name in ("type", "lb_policy")}
    config = ClusterLbSubsetConfig(subset_selectors=list(selectors) or [OldSelector(["v"])], **said)  # type: ignore[arg-type]
    return cluster(lb_subset_config=config, **own)


H1 = {"explicit_http_config": HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions())}
ALL = MatchPredicate(any_match=True)
TRAILERS = MatchPredicate(http_response_trailers_match=HttpHeadersMatch())


def destination(**config: object) -> Message:
    settings = Destination(**config)  # type: ignore[arg-type]
    return cluster(type=Type.ORIGINAL_DST, lb_policy=Lb.CLUSTER_PROVIDED, original_dst_lb_config=settings)


REFUSED = {
    "a refresh of a millisecond": (
        cluster(type=Type.STRICT_DNS, dns_refresh_rate=timedelta(milliseconds=1)),
        "dns_refresh_rate",
        "more than a millisecond",
    ),
    "a failure rate without a base": (
        cluster(type=Type.STRICT_DNS, dns_failure_refresh_rate=RefreshRate()),
        "dns_failure_refresh_rate.base_interval",
        "more than zero",
    ),
    "a failure rate that ends before it begins": (
        cluster(type=Type.STRICT_DNS, dns_failure_refresh_rate=RefreshRate(timedelta(seconds=2), timedelta(seconds=1))),
        "dns_failure_refresh_rate.max_interval",
        "less than base_interval",
    ),
    "a family of tomorrow by extension": (
        cluster(type=None, cluster_type=CustomType("x", Any.pack(DnsCluster(dns_lookup_family=9)))),
        "cluster_type.typed_config.dns_lookup_family",
        "not supported",
    ),
    "no family to begin with": (
        cluster(upstream_connection_options=Options(happy_eyeballs_config=Eyeballs(first_address_family_count=0))),
        "happy_eyeballs_config.first_address_family_count",
        "at least 1",
    ),
    "a family of tomorrow to begin with": (
        cluster(upstream_connection_options=Options(happy_eyeballs_config=Eyeballs(7))),
        "happy_eyeballs_config.first_address_family_version",
        "not an IP version",
    ),
    "a header name without the header": (
        destination(http_header_name="x"),
        "original_dst_lb_config.http_header_name",
        "use_http_header",
    ),
    "a header that is none": (destination(use_http_header=True, http_header_name="a b"), "http_header_name", "name"),
    "a destination port too high": (
        destination(upstream_port_override=65536),
        "original_dst_lb_config.upstream_port_override",
        "not a port",
    ),
    "destinations with endpoints": (
        cluster(type=Type.ORIGINAL_DST, lb_policy=Lb.CLUSTER_PROVIDED, load_assignment=endpoints("1.2.3.4")),
        "load_assignment",
        "no endpoints",
    ),
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
    "a custom type": (cluster(type=None, cluster_type=CustomType("x", UNKNOWN)), "cluster_type", "not supported"),
    "a custom type without more": (cluster(type=None, cluster_type=CustomType("x")), "cluster_type", "not supported"),
    "an aggregate of nothing": (
        cluster(type=None, cluster_type=CustomType("x", Any.pack(AggregateConfig()))),
        "cluster_type.typed_config.clusters",
        "at least one",
    ),
    "an aggregate that chooses": (
        cluster(type=None, cluster_type=CustomType("x", Any.pack(AggregateConfig(["a"])))),
        "lb_policy",
        "Aggregate needs CLUSTER_PROVIDED",
    ),
    "destinations that are chosen": (cluster(type=Type.ORIGINAL_DST), "lb_policy", "needs CLUSTER_PROVIDED"),
    "a zone share above all": (
        cluster(common_lb_config=ClusterCommonLbConfig(zone_aware_lb_config=Zones(routing_enabled=Percent(101)))),
        "common_lb_config.zone_aware_lb_config.routing_enabled",
        "from 0 to 100",
    ),
    "an override status of tomorrow": (
        cluster(common_lb_config=ClusterCommonLbConfig(override_host_status=HealthStatusSet([HealthStatus(17)]))),
        "common_lb_config.override_host_status",
        "not a health status",
    ),
    "localities in the cluster and a policy": (
        cluster(
            load_balancing_policy=extended(LeastMessage()).load_balancing_policy,
            common_lb_config=ClusterCommonLbConfig(zone_aware_lb_config=Zones()),
        ),
        "common_lb_config.zone_aware_lb_config",
        "cannot be combined",
    ),
    "a policy of tomorrow": (cluster(lb_policy=99), "lb_policy", "not supported"),
    "a provided policy without destination": (cluster(lb_policy=Lb.CLUSTER_PROVIDED), "lb_policy", "cannot have"),
    "one choice": (
        cluster(lb_policy=Lb.LEAST_REQUEST, least_request_lb_config=ClusterLeastRequestLbConfig(1)),
        "choice_count",
        "at least 2",
    ),
    "a slow start with more than all": (
        extended(
            LeastMessage(slow_start_config=SlowStartConfig(timedelta(seconds=3), min_weight_percent=Percent(101.0)))
        ),
        "slow_start_config.min_weight_percent",
        "from 0 to 100",
    ),
    "a selection of tomorrow": (extended(LeastMessage(selection_method=7)), "selection_method", "unknown"),  # type: ignore[arg-type]
    "a bound below the average": (extended(RingMessage(hash_balance_factor=99)), "hash_balance_factor", "100"),
    "a bound of Maglev below the average": (
        extended(MaglevMessage(consistent_hashing_lb_config=ConsistentHashingLbConfig(hash_balance_factor=0))),
        "consistent_hashing_lb_config.hash_balance_factor",
        "100",
    ),
    "an extension's hash of tomorrow": (extended(RingMessage(hash_function=9)), "hash_function", "unknown"),  # type: ignore[arg-type]
    "host names without DNS": (
        cluster(
            lb_policy=Lb.MAGLEV,
            common_lb_config=ClusterCommonLbConfig(
                consistent_hashing_lb_config=ClusterCommonLbConfigConsistentHashingLbConfig(True)
            ),
        ),
        "common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing",
        "STRICT_DNS",
    ),
    "consistency said in two places": (
        extended(
            MaglevMessage(),
            common_lb_config=ClusterCommonLbConfig(
                consistent_hashing_lb_config=ClusterCommonLbConfigConsistentHashingLbConfig()
            ),
        ),
        "common_lb_config.consistent_hashing_lb_config",
        "combined",
    ),
    "localities said in two places": (
        extended(
            MaglevMessage(),
            common_lb_config=ClusterCommonLbConfig(
                locality_weighted_lb_config=ClusterCommonLbConfigLocalityWeightedLbConfig()
            ),
        ),
        "common_lb_config.locality_weighted_lb_config",
        "combined",
    ),
    "a cookie that nobody would get": (
        extended(RingMessage(consistent_hashing_lb_config=ConsistentHashingLbConfig(hash_policy=[COOKIE]))),
        "consistent_hashing_lb_config.hash_policy[0].cookie.ttl",
        "for routes only",
    ),
    "an unknown fallback": (subsets(fallback_policy=9), "lb_subset_config.fallback_policy", "unknown"),
    "an unknown fallback of labels": (subsets(metadata_fallback_policy=9), "metadata_fallback_policy", "unknown"),
    "fewer labels that are not fewer": (
        subsets(OldSelector(["v"], fallback_policy=4, fallback_keys_subset=["v"])),  # type: ignore[arg-type]
        "lb_subset_config.subset_selectors[0].fallback_keys_subset",
        "not all",
    ),
    "fewer labels that are none": (subsets(OldSelector(["v"], fallback_policy=4)), "fallback_keys_subset", "needs it"),  # type: ignore[arg-type]
    "fewer labels for nothing": (
        subsets(OldSelector(["v", "w"], fallback_keys_subset=["v"])),
        "fallback_keys_subset",
        "KEYS_SUBSET",
    ),
    "an unknown fallback of a selector": (
        subsets(OldSelector(["v"], fallback_policy=9)),  # type: ignore[arg-type]
        "lb_subset_config.subset_selectors[0].fallback_policy",
        "unknown",
    ),
    "locality weights of subsets alone": (subsets(locality_weight_aware=True), "locality_weight_aware", "needs"),
    "subsets of a provided host": (
        subsets(type=Type.ORIGINAL_DST, lb_policy=Lb.CLUSTER_PROVIDED),
        "lb_subset_config",
        "CLUSTER_PROVIDED",
    ),
    "subsets said in two places": (
        extended(MaglevMessage(), lb_subset_config=ClusterLbSubsetConfig()),
        "lb_subset_config",
        "combined",
    ),
    "names of hosts from nowhere": (
        extended(OverrideMessage(fallback_policy=ANY_TURN)),
        "override_host_sources",
        "no header",
    ),
    "a header of hosts that is none": (named("x h"), "override_host_sources[0].header", "name of a header"),
    "a source of hosts that says nothing": (named(""), "override_host_sources[0].header", "name of a header"),
    "names of hosts in metadata": (
        extended(OverrideMessage([Source(metadata=MetadataKey("envoy.lb"))], ANY_TURN)),
        "override_host_sources[0].metadata",
        "a path",
    ),
    "names of hosts alone": (extended(OverrideMessage([Source("x")])), "fallback_policy", "required"),
    "a penalty for success": (
        extended(Reporting(error_utilization_penalty=-1.0)),
        "error_utilization_penalty",
        "negative",
    ),
    "a period in the past": (extended(Reporting(weight_update_period=PAST)), "weight_update_period", ""),
    "a blackout in the past": (extended(Reporting(blackout_period=PAST)), "blackout_period", ""),
    "an expiration in the past": (extended(Reporting(weight_expiration_period=PAST)), "weight_expiration_period", ""),
    "reports in the past": (extended(Reporting(oob_reporting_period=PAST)), "oob_reporting_period", ""),
    "subsets without a policy": (extended(SubsetMessage()), "subset_lb_policy", "required"),
    "weights beyond what a ring can hold": (
        cluster(type=Type.STATIC, lb_policy=Lb.RING_HASH, load_assignment=heavy(endpoints("1.1.1.1", "1.1.1.2"))),
        "load_assignment",
        "4294967295",
    ),
    "a ring upside down": (
        cluster(lb_policy=Lb.RING_HASH, ring_hash_lb_config=ClusterRingHashLbConfig(9, maximum_ring_size=8)),
        "minimum_ring_size",
        "maximum_ring_size",
    ),
    "another hash": (
        cluster(lb_policy=Lb.RING_HASH, ring_hash_lb_config=ClusterRingHashLbConfig(hash_function=5)),  # type: ignore[arg-type]
        "ring_hash_lb_config.hash_function",
        "unknown",
    ),
    "a table that is not prime": (
        cluster(lb_policy=Lb.MAGLEV, maglev_lb_config=ClusterMaglevLbConfig(65536)),
        "table_size",
        "prime",
    ),
    "no extension that is known": (extended(UNKNOWN), "load_balancing_policy.policies", "no policy"),
    "localities, then nothing": (extended(WrrLocality()), "endpoint_picking_policy", "required"),
    "a failure of more than everything": (
        cluster(outlier_detection=Outlier(failure_percentage_threshold=101)),
        "outlier_detection.failure_percentage_threshold",
        "more than 100",
    ),
    "a success rate more than enforced": (
        cluster(outlier_detection=Outlier(enforcing_success_rate=101)),
        "outlier_detection.enforcing_success_rate",
        "more than 100",
    ),
    "an ejection that is longest before it begins": (
        cluster(outlier_detection=Outlier(max_ejection_time=timedelta(seconds=29))),
        "outlier_detection.max_ejection_time",
        "shorter than base_ejection_time",
    ),
    "a base of nothing": (
        cluster(outlier_detection=Outlier(base_ejection_time=timedelta(0))),
        "outlier_detection.base_ejection_time",
        "more than zero",
    ),
    "jitter back in time": (
        cluster(outlier_detection=Outlier(max_ejection_time_jitter=timedelta(seconds=-1))),
        "outlier_detection.max_ejection_time_jitter",
        "negative",
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
    "a budget of high priority beyond everything": (
        cluster(
            circuit_breakers=CircuitBreakers(
                [
                    CircuitBreakersThresholds(
                        RoutingPriority.HIGH, retry_budget=CircuitBreakersThresholdsRetryBudget(Percent(101.0))
                    )
                ]
            )
        ),
        "thresholds[0].retry_budget.budget_percent",
        "0 to 100",
    ),
    "requests per host": (
        cluster(circuit_breakers=CircuitBreakers(per_host_thresholds=[CircuitBreakersThresholds(max_requests=1)])),
        "per_host_thresholds[0]",
        "max_connections only",
    ),
    "pools per host, in high priority": (
        cluster(
            circuit_breakers=CircuitBreakers(
                per_host_thresholds=[CircuitBreakersThresholds(RoutingPriority.HIGH, max_connection_pools=1)]
            )
        ),
        "per_host_thresholds[0]",
        "max_connections only",
    ),
    "thresholds of no priority": (
        cluster(circuit_breakers=CircuitBreakers([CircuitBreakersThresholds(RoutingPriority(2))])),
        "thresholds[0].priority",
        "is unknown",
    ),
    "thresholds per host of no priority": (
        cluster(circuit_breakers=CircuitBreakers(per_host_thresholds=[CircuitBreakersThresholds(RoutingPriority(2))])),
        "per_host_thresholds[0].priority",
        "is unknown",
    ),
    "no time to connect": (cluster(connect_timeout=timedelta(0)), "connect_timeout", "more than zero"),
    "endpoints from a file": (
        cluster(eds_cluster_config=ClusterEdsClusterConfig(ConfigSource(path="/eds.json"))),
        "eds_cluster_config.eds_config.path",
        "ADS stream",
    ),
    "an address to bind to": (cluster(upstream_bind_config=BindConfig()), "upstream_bind_config", "cannot be bound"),
    "an unknown filter": (cluster(filters=[Filter("moon", UNKNOWN)]), "filters[0]", "moon"),
    "unknown protocol options": (
        cluster(typed_extension_protocol_options={"x": UNKNOWN}),
        "typed_extension_protocol_options[x]",
        "some.Thing",
    ),
    "options without a protocol": (spoken(Upstream()), "typed_extension_protocol_options", "no protocol"),
    "errors by nothing": (
        spoken(Upstream(**H1, outlier_detection=Errors())),
        "outlier_detection.error_matcher",
        "required",
    ),
    "errors by an empty condition": (
        spoken(Upstream(**H1, outlier_detection=Errors(MatchPredicate()))),
        "error_matcher",
        "no condition",
    ),
    "errors by one of one": (
        spoken(Upstream(**H1, outlier_detection=Errors(MatchPredicate(or_match=MatchPredicateMatchSet([ALL]))))),
        "error_matcher.or_match.rules",
        "at least two",
    ),
    "errors by nothing at all": (
        spoken(Upstream(**H1, outlier_detection=Errors(MatchPredicate(any_match=False)))),
        "error_matcher.any_match",
        "must be true",
    ),
    "errors by trailers": (
        spoken(
            Upstream(**H1, outlier_detection=Errors(MatchPredicate(http_response_trailers_match=HttpHeadersMatch())))
        ),
        "http_response_trailers_match",
        "only the head",
    ),
    "an exchange that ends before it begins": (
        spoken(Upstream(**H1, common_http_protocol_options=HttpProtocolOptions(max_stream_duration=timedelta(-1)))),
        "max_stream_duration",
        "negative",
    ),
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
