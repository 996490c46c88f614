"""Clusters whose endpoints are host names -> `Dns`."""

from datetime import timedelta

from meshio.upstream.cluster import Dns, Family
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.duration import positive, seconds
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterDiscoveryType,
    ClusterDnsLookupFamily,
    ClusterRefreshRate,
)
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.clusters.common.dns.v3 import DnsLookupFamily
from meshio.xds.proto.envoy.extensions.clusters.dns.v3 import DnsCluster, DnsClusterRefreshRate
from meshio.xds.wire import Malformed, split

FAMILIES: dict[int, Family] = {
    ClusterDnsLookupFamily.AUTO: "auto",
    ClusterDnsLookupFamily.V4_ONLY: "v4",
    ClusterDnsLookupFamily.V6_ONLY: "v6",
    ClusterDnsLookupFamily.V4_PREFERRED: "v4_preferred",
    ClusterDnsLookupFamily.ALL: "all",
}
NEW_FAMILIES: dict[int, Family] = {
    DnsLookupFamily.UNSPECIFIED: "auto",
    DnsLookupFamily.AUTO: "auto",
    DnsLookupFamily.V4_ONLY: "v4",
    DnsLookupFamily.V6_ONLY: "v6",
    DnsLookupFamily.V4_PREFERRED: "v4_preferred",
    DnsLookupFamily.ALL: "all",
}
SHORTEST = 0.001  # seconds
RESOLVERS: dict[str, frozenset[int]] = {
    "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig": frozenset({5, 6, 7}),
    "envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig": frozenset({1, 2}),
}
"""Resolvers by the name of their config message, and the numbers of the fields that only say how hard to try.

Whatever they are called: names are resolved by the event loop's resolver, as the system is configured.
"""


def translate_dns(place: Place, message: Cluster, endpoints: LoadAssignment) -> Dns:
    """Endpoints by host name. LOGICAL_DNS has exactly one, as Envoy demands."""
    strict, kind = message.type == ClusterDiscoveryType.STRICT_DNS, message.dns_lookup_family
    return settings_of(place, message, endpoints, strict, FAMILIES.get(kind))


def translate_new_dns(place: Place, raw: bytes, endpoints: LoadAssignment) -> Dns:
    """The same as an extension, `envoy.clusters.dns`."""
    message = open_message(place, DnsCluster, raw)
    if message.typed_dns_resolver_config is not None:
        check_resolver(place.at("typed_dns_resolver_config"), message.typed_dns_resolver_config)
    strict, kind = not message.all_addresses_in_single_endpoint, message.dns_lookup_family
    return settings_of(place, message, endpoints, strict, NEW_FAMILIES.get(kind))


def settings_of(
    place: Place, message: Cluster | DnsCluster, endpoints: LoadAssignment, strict: bool, family: Family | None
) -> Dns:
    """What both forms say."""
    if not strict and [len(each.endpoints) for each in endpoints.localities] != [1]:
        raise place.rejected("LOGICAL_DNS needs exactly one locality with exactly one endpoint", "load_assignment")
    if family is None:
        raise place.rejected(f"{message.dns_lookup_family!s} is not supported", "dns_lookup_family")
    refresh = message.dns_refresh_rate
    return Dns(
        endpoints,
        strict,
        longer(place.at("dns_refresh_rate"), refresh) if refresh is not None else 5.0,
        seconds(place.at("dns_jitter"), message.dns_jitter) or 0.0,
        message.respect_dns_ttl,
        family,
        failure_rate(place.at("dns_failure_refresh_rate"), message.dns_failure_refresh_rate),
    )


def failure_rate(place: Place, rate: ClusterRefreshRate | DnsClusterRefreshRate | None) -> tuple[float, float] | None:
    """The first pause and the longest one: ten times as much unless given."""
    if rate is None:
        return None
    first = longer(place.at("base_interval"), rate.base_interval)
    most = longer(place.at("max_interval"), rate.max_interval) if rate.max_interval is not None else 10 * first
    if most < first:
        raise place.rejected("must not be less than base_interval", "max_interval")
    return first, most


def longer(place: Place, duration: timedelta | None) -> float:
    """Seconds of a duration that Envoy wants to be more than a millisecond."""
    found = positive(place, duration)
    if found <= SHORTEST:
        raise place.rejected("must be more than a millisecond")
    return found


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
