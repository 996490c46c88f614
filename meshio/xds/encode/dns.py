"""DNS clusters and their resolvers."""

from meshio.naming.cache import NameCache
from meshio.naming.resolver import CARES, Resolver
from meshio.upstream.cluster import Dns
from meshio.xds.encode.endpoint import encode_assignment
from meshio.xds.encode.parts import extension, seconds
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterDiscoveryType,
    ClusterDnsLookupFamily,
    ClusterRefreshRate,
)
from meshio.xds.proto.envoy.config.core.v3 import Address, DnsResolverOptions, SocketAddress, TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheCircuitBreakers, DnsCacheConfig
from meshio.xds.proto.envoy.extensions.network.dns_resolver.cares.v3 import CaresDnsResolverConfig
from meshio.xds.proto.envoy.extensions.network.dns_resolver.getaddrinfo.v3 import GetAddrInfoDnsResolverConfig

FAMILIES = {
    "auto": ClusterDnsLookupFamily.AUTO,
    "v4": ClusterDnsLookupFamily.V4_ONLY,
    "v6": ClusterDnsLookupFamily.V6_ONLY,
    "v4_preferred": ClusterDnsLookupFamily.V4_PREFERRED,
    "all": ClusterDnsLookupFamily.ALL,
}


def set_dns(encoded: Cluster, dns: Dns) -> None:
    encoded.type = ClusterDiscoveryType.STRICT_DNS if dns.strict else ClusterDiscoveryType.LOGICAL_DNS
    encoded.load_assignment = encode_assignment(dns.assignment)
    encoded.dns_refresh_rate = seconds(dns.refresh)
    encoded.dns_jitter = seconds(dns.jitter or None)
    encoded.respect_dns_ttl = dns.respect_ttl
    encoded.dns_lookup_family = FAMILIES[dns.family]
    encoded.dns_failure_refresh_rate = encode_failure(dns.failure)
    encoded.typed_dns_resolver_config = encode_resolver(dns.resolver)
    if not dns.awaited:
        encoded.wait_for_warm_on_init = False


def encode_failure(failure: tuple[float, float] | None) -> ClusterRefreshRate | None:
    return None if failure is None else ClusterRefreshRate(seconds(failure[0]), seconds(failure[1]))


def encode_cache(cache: NameCache) -> DnsCacheConfig:
    """What is remembered of names."""
    return DnsCacheConfig(
        name=cache.name,
        dns_lookup_family=FAMILIES[cache.family],
        dns_refresh_rate=seconds(cache.refresh),
        dns_min_refresh_rate=seconds(cache.shortest),
        host_ttl=seconds(cache.lifetime),
        max_hosts=cache.most,
        dns_failure_refresh_rate=encode_failure(cache.failure),
        disable_dns_refresh_on_failure=not cache.tries_again,
        dns_query_timeout=seconds(cache.patience),
        dns_cache_circuit_breaker=DnsCacheCircuitBreakers(cache.waiting),
        preresolve_hostnames=[SocketAddress(address=host, port_value=port) for host, port in cache.ahead],
        typed_dns_resolver_config=encode_resolver(cache.resolver),
    )


def encode_resolver(resolver: Resolver) -> TypedExtensionConfig | None:
    """None for the usual one."""
    if resolver == CARES:
        return None
    if resolver.system:
        return extension("envoy.network.dns_resolver.getaddrinfo", GetAddrInfoDnsResolverConfig())
    return extension(
        "envoy.network.dns_resolver.cares",
        CaresDnsResolverConfig(
            resolvers=[encode_server(server) for server in resolver.servers],
            use_resolvers_as_fallback=resolver.spare,
            dns_resolver_options=DnsResolverOptions(resolver.tcp, not resolver.search),
            query_timeout_seconds=resolver.timeout,
            query_tries=resolver.tries,
            rotate_nameservers=resolver.rotate,
        ),
    )


def encode_server(server: str) -> Address:
    host, _, port = server.rpartition(":")
    return Address(SocketAddress(address=host.strip("[]"), port_value=int(port)))
