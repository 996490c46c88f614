"""Dynamic forward proxies: the cluster -> `DynamicForward`, and the filter, which meshio does not need.

Envoy resolves names in a filter before it picks a host; meshio does so when it connects. What both say about the cache
of names is the same message.
"""

from meshio.naming.resolver import CARES
from meshio.upstream.cluster import DynamicForward
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.dns import FAMILIES
from meshio.xds.extension import open_message
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.clusters.dynamic_forward_proxy.v3 import ClusterConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheConfig
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import FilterConfig
from meshio.xds.resolver import resolver_of


def translate_dynamic(place: Place, raw: bytes, endpoints: LoadAssignment) -> DynamicForward:
    """The cluster. Raises Rejected."""
    message = open_message(place, ClusterConfig, raw)
    return cached(place, message.dns_cache_config)


def check_dynamic(place: Place, raw: bytes) -> None:
    """The filter. Raises Rejected."""
    cached(place, open_message(place, FilterConfig, raw).dns_cache_config)


def cached(place: Place, config: DnsCacheConfig | None) -> DynamicForward:
    if config is None:
        raise place.rejected("is required", "dns_cache_config")
    place = place.at("dns_cache_config")
    if not config.name:
        raise place.rejected("is required", "name")
    family = FAMILIES.get(config.dns_lookup_family)
    if family is None:
        raise place.rejected(f"{config.dns_lookup_family!s} is not supported", "dns_lookup_family")
    if resolver_of(place, config) != CARES:
        raise place.rejected("resolvers of its own are not supported", "typed_dns_resolver_config")
    return DynamicForward(family=family)
