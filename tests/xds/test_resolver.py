"""Whom a cluster's names are looked up by: three generations of fields, and what is refused of them."""

import pytest

from meshio.errors import Rejected
from meshio.naming.resolver import CARES, Resolver
from meshio.upstream.cluster import Dns
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster, ClusterCustomClusterType
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDiscoveryType as Type
from meshio.xds.proto.envoy.config.core.v3 import (
    Address,
    DnsResolutionConfig,
    DnsResolverOptions,
    Pipe,
    SocketAddress,
    TypedExtensionConfig,
)
from meshio.xds.proto.envoy.extensions.clusters.dns.v3 import DnsCluster
from meshio.xds.proto.envoy.extensions.network.dns_resolver.cares.v3 import CaresDnsResolverConfig
from meshio.xds.proto.envoy.extensions.network.dns_resolver.getaddrinfo.v3 import GetAddrInfoDnsResolverConfig
from meshio.xds.proto.google.protobuf import Any
from tests.xds.clusters import cluster, decode, endpoints

TYPED = "typed_dns_resolver_config"
SERVERS = [Address(SocketAddress(address="10.0.0.53", port_value=53)), Address(SocketAddress(address="::1"))]
OPTIONS = DnsResolverOptions(use_tcp_for_dns_lookups=True, no_default_search_domain=True)


def named(**said: object) -> Cluster:
    return cluster(type=Type.STRICT_DNS, load_assignment=endpoints("a"), **said)


def typed(message: CaresDnsResolverConfig | GetAddrInfoDnsResolverConfig) -> TypedExtensionConfig:
    return TypedExtensionConfig("whatever", Any.pack(message))


def cares(**said: object) -> Cluster:
    return named(typed_dns_resolver_config=typed(CaresDnsResolverConfig(**said)))  # type: ignore[arg-type]


def raw(kind: str, config: bytes = b"") -> Cluster:
    return named(typed_dns_resolver_config=TypedExtensionConfig("r", Any(f"type.googleapis.com/{kind}", config)))


ASKED = {
    "nothing": (named(), CARES),
    "c-ares": (cares(), CARES),
    "servers": (cares(resolvers=SERVERS), Resolver(("10.0.0.53:53", "[::1]:53"))),
    "options": (cares(dns_resolver_options=OPTIONS), Resolver(tcp=True, search=False)),
    "patience": (cares(query_timeout_seconds=2, query_tries=3), Resolver(timeout=2, tries=3)),
    "no patience": (cares(query_timeout_seconds=0, query_tries=0), Resolver(timeout=0, tries=0)),
    "endless": (cares(query_timeout_seconds=2**40, query_tries=2**31), Resolver(timeout=1_000_000, tries=1_000_000)),
    "spare": (cares(resolvers=SERVERS[:1], use_resolvers_as_fallback=True), Resolver(("10.0.0.53:53",), spare=True)),
    "in turn": (cares(rotate_nameservers=True), Resolver(rotate=True)),
    "the channel": (cares(udp_max_queries=1, edns0_max_payload_size=512, reinit_channel_on_timeout=True), CARES),
    "the system": (named(typed_dns_resolver_config=typed(GetAddrInfoDnsResolverConfig(1, 2))), Resolver(system=True)),
    "older": (
        named(dns_resolution_config=DnsResolutionConfig(SERVERS, OPTIONS)),
        Resolver(("10.0.0.53:53", "[::1]:53"), tcp=True, search=False),
    ),
    "oldest": (
        named(dns_resolvers=SERVERS[:1], use_tcp_for_dns_lookups=True),
        Resolver(("10.0.0.53:53",), tcp=True),
    ),
    "newest of all": (
        named(
            typed_dns_resolver_config=typed(CaresDnsResolverConfig(query_tries=7)),
            dns_resolution_config=DnsResolutionConfig(SERVERS),
            dns_resolvers=SERVERS,
            use_tcp_for_dns_lookups=True,
        ),
        Resolver(tries=7),
    ),
    "newer of two": (
        named(dns_resolution_config=DnsResolutionConfig(SERVERS[:1]), use_tcp_for_dns_lookups=True),
        Resolver(("10.0.0.53:53",)),
    ),
}


@pytest.mark.parametrize(("message", "resolver"), ASKED.values(), ids=ASKED)
def test_whom_a_cluster_asks(message: Cluster, resolver: Resolver) -> None:
    found = decode(message).discovery
    assert isinstance(found, Dns)
    assert found.resolver == resolver


def test_a_cluster_as_an_extension_asks_the_same() -> None:
    config = DnsCluster(typed_dns_resolver_config=typed(CaresDnsResolverConfig(query_tries=7)))
    told = ClusterCustomClusterType("envoy.clusters.dns", Any.pack(config))
    found = decode(cluster(cluster_type=told, load_assignment=endpoints("a"))).discovery
    assert isinstance(found, Dns)
    assert found.resolver == Resolver(tries=7)


@pytest.mark.parametrize(("told", "awaited"), [(None, True), (True, True), (False, False)])
def test_whether_a_cluster_waits_for_its_names(told: bool | None, awaited: bool) -> None:
    found = decode(named(wait_for_warm_on_init=told)).discovery
    assert isinstance(found, Dns)
    assert found.awaited is awaited


def test_what_a_cluster_without_names_says_of_them_is_nobodys_matter() -> None:
    decode(cluster(typed_dns_resolver_config=TypedExtensionConfig("r", Any("type.googleapis.com/some.Resolver"))))


KIND = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
REFUSED = {
    "another kind": (raw("some.Resolver"), TYPED, "some.Resolver"),
    "none": (named(typed_dns_resolver_config=TypedExtensionConfig("r")), TYPED, "not supported"),
    "half a message": (raw(KIND, b"\x0a\x05"), TYPED, "malformed"),
    "a server without an address": (cares(resolvers=[Address()]), f"{TYPED}.resolvers[0].socket_address.address", "IP"),
    "a server by name": (
        cares(resolvers=[*SERVERS, Address(SocketAddress(address="dns.test"))]),
        f"{TYPED}.resolvers[2].socket_address.address",
        "not an IP address",
    ),
    "a server's pipe": (
        cares(resolvers=[Address(pipe=Pipe("/x"))]),
        f"{TYPED}.resolvers[0].socket_address.address",
        "not an IP address",
    ),
    "a server's port": (
        cares(resolvers=[Address(SocketAddress(address="::1", port_value=65536))]),
        f"{TYPED}.resolvers[0].socket_address.port_value",
        "not a port",
    ),
    "a server's named port": (
        cares(resolvers=[Address(SocketAddress(address="::1", named_port="dns"))]),
        f"{TYPED}.resolvers[0].socket_address.named_port",
        "not resolved",
    ),
    "unroutable families": (
        cares(filter_unroutable_families=True),
        f"{TYPED}.filter_unroutable_families",
        "interfaces",
    ),
    "no servers": (named(dns_resolution_config=DnsResolutionConfig()), "dns_resolution_config.resolvers", "at least"),
    "an older server by name": (
        named(dns_resolvers=[Address(SocketAddress(address="dns.test"))]),
        "dns_resolvers[0].socket_address.address",
        "not an IP address",
    ),
}


@pytest.mark.parametrize(("message", "field", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(message: Cluster, field: str, reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        decode(message)
    assert (refused.value.resource, refused.value.field) == ("c", field)
    assert reason in refused.value.reason
