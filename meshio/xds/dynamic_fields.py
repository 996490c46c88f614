"""What happens to each field of dynamic forward proxies."""

from betterproto2 import Message

from meshio.xds.proto.envoy.extensions.clusters.dynamic_forward_proxy.v3 import ClusterConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheConfig
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import FilterConfig
from meshio.xds.rule import Rules, ignored, read, rejected

NO_CACHE = "names are resolved when a connection is made"

DYNAMIC_FIELDS: dict[type[Message], Rules] = {
    ClusterConfig: {
        **read("dns_cache_config"),
        **rejected("clusters for single hosts", "sub_clusters_config"),
        **ignored("a certificate is checked against what the cluster's TLS says", "allow_insecure_cluster_options"),
        **ignored("connections are those of one host", "allow_coalesced_connections"),
    },
    DnsCacheConfig: {
        **read("name", "dns_lookup_family", "typed_dns_resolver_config"),
        **ignored(NO_CACHE, "dns_refresh_rate", "dns_min_refresh_rate", "host_ttl", "dns_failure_refresh_rate"),
        **ignored(NO_CACHE, "disable_dns_refresh_on_failure", "dns_cache_circuit_breaker", "preresolve_hostnames"),
        **ignored(NO_CACHE, "dns_query_timeout", "key_value_config"),
        **ignored("hosts nobody uses are let go when their connections are idle", "max_hosts"),
        **read("use_tcp_for_dns_lookups", "dns_resolution_config"),
    },
    FilterConfig: {
        **read("dns_cache_config"),
        **rejected("clusters for single hosts", "sub_cluster_config"),
        **ignored("for other filters", "save_upstream_address"),
        **rejected("hosts in filter state", "allow_dynamic_host_from_filter_state"),
    },
}
