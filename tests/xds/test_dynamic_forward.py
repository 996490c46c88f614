"""Dynamic forward proxies: the cluster, the filter, what is refused of both, and that they say the same."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from meshio.errors import Rejected
from meshio.naming.cache import NameCache
from meshio.naming.resolver import Resolver
from meshio.resilience.named_host import NamedHost
from meshio.routing.filters import Filter
from meshio.routing.listener import FilterChain, HttpChain, Listener, TcpChain
from meshio.routing.route import WeightedCluster
from meshio.upstream.cluster import DynamicForward
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.decode import Decoder
from meshio.xds.dynamic_forward import translate_dynamic, translate_named, translate_override, translate_sni
from meshio.xds.encode import encode
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster, ClusterCustomClusterType, ClusterRefreshRate
from meshio.xds.proto.envoy.config.core.v3 import Address, DnsResolutionConfig, SocketAddress, TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.clusters.dynamic_forward_proxy.v3 import ClusterConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheCircuitBreakers, DnsCacheConfig
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import FilterConfig, PerRouteConfig
from meshio.xds.proto.envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3 import FilterConfig as SniConfig
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.types import CLUSTER, LISTENER

NOBODY = LoadAssignment("c")
MINUTE = timedelta(minutes=1)


def by_cluster(cache: DnsCacheConfig | None) -> NameCache:
    return translate_dynamic(Place("c"), bytes(ClusterConfig(dns_cache_config=cache)), NOBODY).cache


def by_filter(cache: DnsCacheConfig | None) -> NameCache:
    found = translate_named(Place("c"), bytes(FilterConfig(dns_cache_config=cache))).cache
    assert found is not None
    return found


BOTH = pytest.mark.parametrize("read", [by_cluster, by_filter])


def cache(**said: object) -> DnsCacheConfig:
    return DnsCacheConfig(**({"name": "x"} | said))  # type: ignore[arg-type]


SAID = {
    "nothing": (cache(), NameCache("x")),
    "a family": (cache(dns_lookup_family=1), NameCache("x", "v4")),
    "times": (
        cache(dns_refresh_rate=MINUTE / 2, dns_min_refresh_rate=MINUTE, host_ttl=2 * MINUTE, dns_query_timeout=MINUTE),
        NameCache("x", refresh=30.0, shortest=60.0, lifetime=120.0, patience=60.0),
    ),
    "no end of patience": (cache(dns_query_timeout=timedelta(0)), NameCache("x", patience=0.0)),
    "numbers": (
        cache(max_hosts=7, dns_cache_circuit_breaker=DnsCacheCircuitBreakers(0)),
        NameCache("x", most=7, waiting=0),
    ),
    "an empty circuit breaker": (cache(dns_cache_circuit_breaker=DnsCacheCircuitBreakers()), NameCache("x")),
    "failures": (
        cache(dns_failure_refresh_rate=ClusterRefreshRate(MINUTE), disable_dns_refresh_on_failure=True),
        NameCache("x", failure=(60.0, 600.0), tries_again=False),
    ),
    "ahead": (
        cache(preresolve_hostnames=[SocketAddress(address="a", port_value=1)] * 2),
        NameCache("x", ahead=(("a", 1),)),
    ),
    "a resolver": (
        cache(dns_resolution_config=DnsResolutionConfig([Address(SocketAddress(address="10.0.0.53"))])),
        NameCache("x", resolver=Resolver(("10.0.0.53:53",))),
    ),
    "TCP": (cache(use_tcp_for_dns_lookups=True), NameCache("x", resolver=Resolver(tcp=True))),
    "a file to keep them in": (cache(key_value_config=b""), NameCache("x")),
}


@BOTH
@pytest.mark.parametrize(("message", "meant"), SAID.values(), ids=SAID)
def test_what_is_said_of_a_cache(
    read: Callable[[DnsCacheConfig], NameCache], message: DnsCacheConfig, meant: NameCache
) -> None:
    assert read(message) == meant


REFUSED = {
    "none": (None, ""),
    "no name": (DnsCacheConfig(), ".name"),
    "an unknown family": (cache(dns_lookup_family=9), ".dns_lookup_family"),
    "a refresh rate below a millisecond": (cache(dns_refresh_rate=timedelta(microseconds=1)), ".dns_refresh_rate"),
    "a shortest pause below a second": (
        cache(dns_min_refresh_rate=timedelta(milliseconds=999)),
        ".dns_min_refresh_rate",
    ),
    "no lifetime": (cache(host_ttl=timedelta(0)), ".host_ttl"),
    "a lifetime below 0": (cache(host_ttl=-MINUTE), ".host_ttl"),
    "no hosts": (cache(max_hosts=0), ".max_hosts"),
    "a failure rate without a base": (
        cache(dns_failure_refresh_rate=ClusterRefreshRate()),
        ".dns_failure_refresh_rate.base_interval",
    ),
    "a failure rate that ends below its base": (
        cache(dns_failure_refresh_rate=ClusterRefreshRate(2 * MINUTE, MINUTE)),
        ".dns_failure_refresh_rate.max_interval",
    ),
    "a patience below 0": (cache(dns_query_timeout=-MINUTE), ".dns_query_timeout"),
    "a name ahead without a name": (
        cache(preresolve_hostnames=[SocketAddress(port_value=1)]),
        ".preresolve_hostnames",
    ),
    "a name ahead without a port": (cache(preresolve_hostnames=[SocketAddress(address="a")]), ".preresolve_hostnames"),
    "a name ahead with no such port": (
        cache(preresolve_hostnames=[SocketAddress(address="a", port_value=65536)]),
        ".preresolve_hostnames",
    ),
    "more names ahead than there may be": (
        cache(max_hosts=1, preresolve_hostnames=[SocketAddress(address="a", port_value=n) for n in (1, 2)]),
        ".preresolve_hostnames",
    ),
    "another resolver": (
        cache(typed_dns_resolver_config=TypedExtensionConfig("r", Any("type.googleapis.com/some.Resolver"))),
        ".typed_dns_resolver_config",
    ),
    "a resolution without servers": (
        cache(dns_resolution_config=DnsResolutionConfig()),
        ".dns_resolution_config.resolvers",
    ),
}


@BOTH
@pytest.mark.parametrize(("message", "field"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    read: Callable[[DnsCacheConfig | None], NameCache], message: DnsCacheConfig | None, field: str
) -> None:
    with pytest.raises(Rejected) as refused:
        read(message)
    assert refused.value.field == f"dns_cache_config{field}"


def test_what_a_route_says() -> None:
    def read(message: PerRouteConfig) -> NamedHost:
        return translate_override(Place("r"), bytes(message))

    assert read(PerRouteConfig(host_rewrite_literal="a.test")) == NamedHost(host="a.test")
    assert read(PerRouteConfig(host_rewrite_header="x-to")) == NamedHost(header="x-to")
    assert read(PerRouteConfig()) == NamedHost()
    with pytest.raises(Rejected, match="host_rewrite_header"):
        read(PerRouteConfig(host_rewrite_header="no header"))


def cluster(called: str, **said: object) -> bytes:
    config = Any.pack(ClusterConfig(dns_cache_config=cache(**said)))
    return bytes(Cluster(name=called, lb_policy=6, cluster_type=ClusterCustomClusterType("dfp", config)))


def listener(*meant: NameCache) -> bytes:
    named = [Filter(f"dfp{number}", NamedHost(each)) for number, each in enumerate(meant)]
    chain = HttpChain("r", filters=(*named, Filter("envoy.filters.http.router")))
    return encode(Listener("l", "0.0.0.0", 80, (FilterChain(chain),)))


def test_all_say_the_same_of_a_cache() -> None:
    decoder = Decoder()
    found = decoder.decode(CLUSTER, "a", cluster("a", max_hosts=7))
    assert found.discovery == DynamicForward(cache=NameCache("x", most=7))  # type: ignore[union-attr]
    decoder.decode(CLUSTER, "b", cluster("b", max_hosts=7))
    decoder.decode(LISTENER, "l", listener(NameCache("x", most=7)))
    for type_url, name, raw in (
        (CLUSTER, "c", cluster("c")),
        (CLUSTER, "a", cluster("a", max_hosts=8)),
        (LISTENER, "l", listener(NameCache("x"))),
        (LISTENER, "l", listener(NameCache("x", most=7), NameCache("x", most=8))),
    ):
        with pytest.raises(Rejected, match=f"{name}: dns_cache_config: the cache 'x' has other settings already"):
            decoder.decode(type_url, name, raw)
    decoder.decode(CLUSTER, "c", cluster("c", name="y"))


def test_what_is_gone_says_nothing_any_more() -> None:
    decoder = Decoder()
    decoder.decode(CLUSTER, "a", cluster("a", max_hosts=7))
    decoder.forget(CLUSTER, "a")
    decoder.decode(CLUSTER, "a", cluster("a"))


def test_clusters_for_single_hosts_are_refused() -> None:
    raw = bytes(ClusterConfig(sub_clusters_config=b""))
    with pytest.raises(Rejected, match="sub_clusters_config"):
        translate_dynamic(Place("c"), raw, NOBODY)


def by_server_name(cache: DnsCacheConfig | None, port: int | None = 443) -> tuple[NameCache, int]:
    return translate_sni(Place("l"), bytes(SniConfig(dns_cache_config=cache, port_value=port)))


def test_connections_that_name_a_server() -> None:
    assert by_server_name(cache(max_hosts=7)) == (NameCache("x", most=7), 443)


@pytest.mark.parametrize(
    ("message", "port", "field"),
    [
        (None, 443, "dns_cache_config"),
        (cache(max_hosts=0), 443, "dns_cache_config.max_hosts"),
        (cache(), 0, "port_value"),
        (cache(), None, "port_value"),
        (cache(), 65536, "port_value"),
    ],
)
def test_what_is_refused_of_those(message: DnsCacheConfig | None, port: int | None, field: str) -> None:
    with pytest.raises(Rejected) as refused:
        by_server_name(message, port)
    assert refused.value.field == field


def test_their_cache_is_the_same_too() -> None:
    decoder = Decoder()
    chain = TcpChain((WeightedCluster("a"),), named=(NameCache("x"), 443))
    raw = encode(Listener("l", "0.0.0.0", 443, (FilterChain(chain),)))
    (found,) = decoder.decode(LISTENER, "l", raw).chains  # type: ignore[union-attr]
    assert found.target == chain
    with pytest.raises(Rejected, match="the cache 'x' has other settings"):
        decoder.decode(CLUSTER, "a", cluster("a", max_hosts=7))
