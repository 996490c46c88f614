"""Dynamic forward proxies: the cluster -> `DynamicForward`, and the filter -> `NamedHost`.

What both say about the cache of names is the same message, and has to be: one name, one cache (`Caches`).
"""

from datetime import timedelta

from meshio.errors import Rejected
from meshio.naming.cache import NameCache
from meshio.resilience.named_host import NamedHost
from meshio.routing.listener import HttpChain, Listener, TcpChain
from meshio.upstream.cluster import Cluster, DynamicForward
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.dns import FAMILIES, failure_rate
from meshio.xds.duration import positive, seconds
from meshio.xds.extension import open_message
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import SocketAddress
from meshio.xds.proto.envoy.extensions.clusters.dynamic_forward_proxy.v3 import ClusterConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheConfig
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import FilterConfig, PerRouteConfig
from meshio.xds.proto.envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3 import FilterConfig as SniConfig
from meshio.xds.resolver import resolver_of
from meshio.xds.text import token

SHORTEST = 0.001  # seconds


def translate_dynamic(place: Place, raw: bytes, endpoints: LoadAssignment) -> DynamicForward:
    """The cluster. Raises Rejected."""
    message = open_message(place, ClusterConfig, raw)
    return DynamicForward(cache=cached(place, message.dns_cache_config))


def translate_named(place: Place, raw: bytes) -> NamedHost:
    """The filter. Raises Rejected."""
    return NamedHost(cached(place, open_message(place, FilterConfig, raw).dns_cache_config))


def translate_sni(place: Place, raw: bytes) -> tuple[NameCache, int]:
    """The network filter that does the same for connections that name a server. Raises Rejected."""
    message = open_message(place, SniConfig, raw)
    port = message.port_value or 0
    if not 0 < port <= 65535:
        raise place.rejected("is not a port", "port_value")
    return cached(place, message.dns_cache_config), port


def translate_override(place: Place, raw: bytes) -> NamedHost:
    """What a route says of it."""
    message = open_message(place, PerRouteConfig, raw)
    header = token(place.at("host_rewrite_header"), message.host_rewrite_header) if message.host_rewrite_header else ""
    return NamedHost(host=message.host_rewrite_literal or "", header=header)


def cached(place: Place, config: DnsCacheConfig | None) -> NameCache:
    if config is None:
        raise place.rejected("is required", "dns_cache_config")
    place = place.at("dns_cache_config")
    if not config.name:
        raise place.rejected("is required", "name")
    family = FAMILIES.get(config.dns_lookup_family)
    if family is None:
        raise place.rejected(f"{config.dns_lookup_family!s} is not supported", "dns_lookup_family")
    breaker = config.dns_cache_circuit_breaker
    waiting = breaker.max_pending_requests if breaker is not None else None
    patience, lifetime = seconds(place.at("dns_query_timeout"), config.dns_query_timeout), config.host_ttl
    return NameCache(
        config.name,
        family,
        resolver_of(place, config),
        refresh=at_least(place.at("dns_refresh_rate"), config.dns_refresh_rate, SHORTEST, 60.0),
        shortest=at_least(place.at("dns_min_refresh_rate"), config.dns_min_refresh_rate, 1.0, 5.0),
        lifetime=positive(place.at("host_ttl"), lifetime) if lifetime is not None else 300.0,
        most=(most := most_hosts(place, config)),
        failure=failure_rate(place.at("dns_failure_refresh_rate"), config.dns_failure_refresh_rate),
        tries_again=not config.disable_dns_refresh_on_failure,
        patience=5.0 if patience is None else patience,
        waiting=1024 if waiting is None else waiting,
        ahead=looked_up_ahead(place.at("preresolve_hostnames"), config.preresolve_hostnames, most),
    )


def at_least(place: Place, told: timedelta | None, least: float, usual: float) -> float:
    """Seconds of a duration that must not be too short."""
    found = seconds(place, told)
    if found is None:
        return usual
    if found < least:
        raise place.rejected(f"must be at least {least:g} s")
    return found


def most_hosts(place: Place, config: DnsCacheConfig) -> int:
    if config.max_hosts == 0:
        raise place.rejected("must be more than 0", "max_hosts")
    return 1024 if config.max_hosts is None else config.max_hosts


def looked_up_ahead(place: Place, told: list[SocketAddress], most: int) -> tuple[tuple[str, int], ...]:
    if len(told) > most:
        raise place.rejected("are more than max_hosts")
    for each in told:
        if not each.address or each.port_value is None or not 0 <= each.port_value <= 65535:
            raise place.rejected("must have an address and a port")
    return tuple(dict.fromkeys((each.address, each.port_value or 0) for each in told))


class Caches:
    """What the resources of a control plane say of caches of names: the same of each, whoever says it.

    Envoy: `DnsCacheManagerImpl::getCache`. A resource that is replaced still counts until it is.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[NameCache, ...]] = {}

    def check(self, type_url: str, name: str, value: object) -> None:
        """Take over what a resource says. Raises Rejected for what is said otherwise elsewhere."""
        found = tuple(caches_in(value))
        if found:
            known = {cache.name: cache for told in self._told.values() for cache in told}
            for cache in found:
                if known.setdefault(cache.name, cache) != cache:
                    raise Rejected(name, "dns_cache_config", f"the cache {cache.name!r} has other settings already")
        if found:
            self._told[type_url, name] = found
        else:
            self.forget(type_url, name)

    def forget(self, type_url: str, name: str) -> None:
        self._told.pop((type_url, name), None)


def caches_in(value: object) -> list[NameCache]:
    if isinstance(value, Cluster):
        return [value.discovery.cache] if isinstance(value.discovery, DynamicForward) else []
    if not isinstance(value, Listener):
        return []
    chains = [*value.chains, *([value.default] if value.default is not None else [])]
    return [cache for chain in chains for cache in caches_of(chain.target)]


def caches_of(target: HttpChain | TcpChain) -> list[NameCache]:
    if isinstance(target, TcpChain):
        return [target.named[0]] if target.named is not None else []
    layers = [each.layer for each in target.filters]
    return [each.cache for each in layers if isinstance(each, NamedHost) and each.cache is not None]
