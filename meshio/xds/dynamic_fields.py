"""What happens to each field of dynamic forward proxies."""

from betterproto2 import Message

from meshio.xds.proto.envoy.extensions.clusters.dynamic_forward_proxy.v3 import ClusterConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheCircuitBreakers, DnsCacheConfig
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import FilterConfig, PerRouteConfig
from meshio.xds.proto.envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3 import FilterConfig as SniConfig
from meshio.xds.rule import Rules, ignored, read, rejected

DYNAMIC_FIELDS: dict[type[Message], Rules] = {
    ClusterConfig: {
        **read("dns_cache_config"),
        **rejected("clusters for single hosts", "sub_clusters_config"),
        **ignored("a certificate is checked against what the cluster's TLS says", "allow_insecure_cluster_options"),
        **ignored("connections are those of one host", "allow_coalesced_connections"),
    },
    DnsCacheConfig: {
        **read("name", "dns_lookup_family", "dns_refresh_rate", "dns_min_refresh_rate", "host_ttl", "max_hosts"),
        **read("disable_dns_refresh_on_failure", "dns_failure_refresh_rate", "dns_cache_circuit_breaker"),
        **read("use_tcp_for_dns_lookups", "dns_resolution_config", "typed_dns_resolver_config"),
        **read("preresolve_hostnames", "dns_query_timeout"),
        **ignored("names are not kept for the next process", "key_value_config"),
    },
    DnsCacheCircuitBreakers: read("max_pending_requests"),
    FilterConfig: {
        **read("dns_cache_config"),
        **rejected("clusters for single hosts", "sub_cluster_config"),
        **ignored("for other filters", "save_upstream_address"),
        **rejected("hosts in filter state", "allow_dynamic_host_from_filter_state"),
    },
    SniConfig: {**read("dns_cache_config", "port_value"), **ignored("for other filters", "save_upstream_address")},
    PerRouteConfig: read("host_rewrite_literal", "host_rewrite_header"),
}
