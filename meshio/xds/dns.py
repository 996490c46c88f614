"""Clusters whose endpoints are host names -> `Dns`."""

from meshio.upstream.cluster import Dns, Family
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.duration import positive, seconds
from meshio.xds.extension import type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster, ClusterDiscoveryType, ClusterDnsLookupFamily
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.wire import Malformed, split

FAMILIES: dict[int, Family] = {
    ClusterDnsLookupFamily.AUTO: "auto",
    ClusterDnsLookupFamily.V4_ONLY: "v4",
    ClusterDnsLookupFamily.V6_ONLY: "v6",
    ClusterDnsLookupFamily.V4_PREFERRED: "v4_preferred",
    ClusterDnsLookupFamily.ALL: "all",
}
RESOLVERS: dict[str, frozenset[int]] = {
    "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig": frozenset({5, 6, 7}),
    "envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig": frozenset({1, 2}),
}
"""Resolvers by the name of their config message, and the numbers of the fields that only say how hard to try.

Whatever they are called: names are resolved by the event loop's resolver, as the system is configured.
"""


def translate_dns(place: Place, message: Cluster, endpoints: LoadAssignment) -> Dns:
    """Endpoints by host name. LOGICAL_DNS has exactly one, as Envoy demands."""
    strict = message.type == ClusterDiscoveryType.STRICT_DNS
    if not strict and sum(len(each.endpoints) for each in endpoints.localities) != 1:
        raise place.rejected("LOGICAL_DNS needs exactly one endpoint", "load_assignment")
    family = FAMILIES.get(message.dns_lookup_family)
    if family is None:
        raise place.rejected(f"{message.dns_lookup_family!s} is not supported", "dns_lookup_family")
    refresh = message.dns_refresh_rate
    return Dns(
        endpoints,
        strict,
        positive(place.at("dns_refresh_rate"), refresh) if refresh is not None else 5.0,
        seconds(place.at("dns_jitter"), message.dns_jitter) or 0.0,
        message.respect_dns_ttl,
        family,
    )


def check_resolver(place: Place, extension: TypedExtensionConfig) -> None:
    """Name servers and search domains of its own are more than the system's resolver can be told."""
    config = extension.typed_config
    harmless = RESOLVERS.get(kind := type_of(place, config))
    if harmless is None or config is None:
        raise place.rejected(f"resolver {extension.name!r} ({kind}) is not supported")
    try:
        numbers = {key >> 3 for key, _ in split(config.value)}
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None
    if strange := numbers - harmless:
        raise place.rejected(f"field number {min(strange)} of {kind.rpartition('.')[2]} is not supported")
