"""Whom names are looked up by: three generations of fields -> `Resolver`. Envoy: dns_factory_util.cc."""

from collections.abc import Iterable
from dataclasses import replace

from meshio.naming.resolver import CARES, Resolver
from meshio.upstream.host import name_of
from meshio.xds.address import is_address
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster
from meshio.xds.proto.envoy.config.core.v3 import Address, DnsResolverOptions, TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.common.dynamic_forward_proxy.v3 import DnsCacheConfig
from meshio.xds.proto.envoy.extensions.network.dns_resolver.cares.v3 import CaresDnsResolverConfig
from meshio.xds.proto.envoy.extensions.network.dns_resolver.getaddrinfo.v3 import GetAddrInfoDnsResolverConfig

PREFIX = "envoy.extensions.network.dns_resolver."
LONGEST = 1_000_000  # seconds, and tries: c-ares counts milliseconds in 31 bits


def resolver_of(place: Place, message: Cluster | DnsCacheConfig) -> Resolver:
    """The newest form that is there says it all. Raises Rejected."""
    if message.typed_dns_resolver_config is not None:
        return typed_resolver(place.at("typed_dns_resolver_config"), message.typed_dns_resolver_config)
    if (told := message.dns_resolution_config) is not None:
        here = place.at("dns_resolution_config")
        if not told.resolvers:
            raise here.rejected("must name at least one", "resolvers")
        return asked(Resolver(servers_of(here, told.resolvers)), told.dns_resolver_options)
    older = message.dns_resolvers if isinstance(message, Cluster) else ()
    return replace(CARES, servers=servers_of(place, older, "dns_resolvers"), tcp=message.use_tcp_for_dns_lookups)


def typed_resolver(place: Place, extension: TypedExtensionConfig) -> Resolver:
    """A resolver as an extension; what it is called counts for nothing."""
    config = extension.typed_config
    match (kind := type_of(place, config)).removeprefix(PREFIX):
        case "cares.v3.CaresDnsResolverConfig" if config is not None:
            return cares_of(place, open_message(place, CaresDnsResolverConfig, config.value))
        case "getaddrinfo.v3.GetAddrInfoDnsResolverConfig" if config is not None:
            open_message(place, GetAddrInfoDnsResolverConfig, config.value)
            return Resolver(system=True)
    raise place.rejected(f"resolver {extension.name!r} ({kind}) is not supported")


def cares_of(place: Place, message: CaresDnsResolverConfig) -> Resolver:
    """0 is the library's default, not Envoy's."""
    timeout, tries = message.query_timeout_seconds, message.query_tries
    found = Resolver(
        servers_of(place, message.resolvers),
        spare=message.use_resolvers_as_fallback,
        timeout=CARES.timeout if timeout is None else min(timeout, LONGEST),
        tries=CARES.tries if tries is None else min(tries, LONGEST),
        rotate=message.rotate_nameservers,
    )
    return asked(found, message.dns_resolver_options)


def asked(resolver: Resolver, options: DnsResolverOptions | None) -> Resolver:
    """With how it is to ask."""
    if options is None:
        return resolver
    return replace(resolver, tcp=options.use_tcp_for_dns_lookups, search=not options.no_default_search_domain)


def servers_of(place: Place, addresses: Iterable[Address], field: str = "resolvers") -> tuple[str, ...]:
    """Name servers, which cannot be named: they have addresses."""
    return tuple(server(place.at(field, index), address) for index, address in enumerate(addresses))


def server(place: Place, address: Address) -> str:
    told = address.socket_address
    if told is None or not is_address(told.address):
        raise place.rejected("is not an IP address", "socket_address.address")
    port = told.port_value or 53
    if not 0 < port <= 65535:
        raise place.rejected("is not a port", "socket_address.port_value")
    return name_of(told.address, port)
