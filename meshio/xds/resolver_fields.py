"""What happens to each field of a resolver of names."""

from betterproto2 import Message

from meshio.xds.proto.envoy.config.core.v3 import DnsResolutionConfig, DnsResolverOptions
from meshio.xds.proto.envoy.extensions.network.dns_resolver.cares.v3 import CaresDnsResolverConfig
from meshio.xds.proto.envoy.extensions.network.dns_resolver.getaddrinfo.v3 import GetAddrInfoDnsResolverConfig
from meshio.xds.rule import Rules, ignored, read, rejected

ONE_QUESTION = "a channel lasts for one look-up"
SYSTEMS = "how hard the operating system tries is its own matter"

RESOLVER_FIELDS: dict[type[Message], Rules] = {
    DnsResolutionConfig: read("resolvers", "dns_resolver_options"),
    DnsResolverOptions: read("use_tcp_for_dns_lookups", "no_default_search_domain"),
    CaresDnsResolverConfig: {
        **read("resolvers", "use_resolvers_as_fallback", "dns_resolver_options"),
        **read("query_timeout_seconds", "query_tries", "rotate_nameservers"),
        **ignored(ONE_QUESTION, "udp_max_queries", "max_udp_channel_duration", "reinit_channel_on_timeout"),
        **ignored("what does not fit is asked for again over TCP", "edns0_max_payload_size"),
        **rejected("families are not looked for on network interfaces", "filter_unroutable_families"),
    },
    GetAddrInfoDnsResolverConfig: ignored(SYSTEMS, "num_retries", "num_resolver_threads"),
}
