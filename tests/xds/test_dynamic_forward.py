"""Dynamic forward proxies: the cluster, the filter, and what is refused of both."""

from collections.abc import Callable

import pytest

from meshio.errors import Rejected
from meshio.upstream.cluster import DynamicForward
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.dynamic_forward import check_dynamic, translate_dynamic
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.clusters.dynamic_forward_proxy.v3 import ClusterConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheConfig
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import FilterConfig

NOBODY = LoadAssignment("c")


def by_cluster(cache: DnsCacheConfig | None) -> DynamicForward:
    return translate_dynamic(Place("c"), bytes(ClusterConfig(dns_cache_config=cache)), NOBODY)


def by_filter(cache: DnsCacheConfig | None) -> None:
    check_dynamic(Place("c"), bytes(FilterConfig(dns_cache_config=cache)))


def test_what_a_cluster_says() -> None:
    assert by_cluster(DnsCacheConfig(name="x")) == DynamicForward()
    assert by_cluster(DnsCacheConfig(name="x", dns_lookup_family=1)) == DynamicForward(family="v4")
    by_filter(DnsCacheConfig(name="x"))


@pytest.mark.parametrize("read", [by_cluster, by_filter])
@pytest.mark.parametrize(
    ("cache", "field"),
    [
        (None, "dns_cache_config"),
        (DnsCacheConfig(), "dns_cache_config.name"),
        (DnsCacheConfig(name="x", dns_lookup_family=9), "dns_cache_config.dns_lookup_family"),
        (DnsCacheConfig(name="x", use_tcp_for_dns_lookups=True), "dns_cache_config.typed_dns_resolver_config"),
    ],
)
def test_what_is_refused(
    read: Callable[[DnsCacheConfig | None], object], cache: DnsCacheConfig | None, field: str
) -> None:
    with pytest.raises(Rejected) as refused:
        read(cache)
    assert refused.value.field == field
