"""Clusters whose endpoints are host names -> `Dns`."""

from dataclasses import replace
from datetime import timedelta

from meshio.naming.resolver import Family
from meshio.upstream.cluster import Dns
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.duration import positive, seconds
from meshio.xds.extension import open_message
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterDiscoveryType,
    ClusterDnsLookupFamily,
    ClusterRefreshRate,
)
from meshio.xds.proto.envoy.extensions.clusters.common.dns.v3 import DnsLookupFamily
from meshio.xds.proto.envoy.extensions.clusters.dns.v3 import DnsCluster, DnsClusterRefreshRate
from meshio.xds.resolver import resolver_of, typed_resolver

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
TYPED = "typed_dns_resolver_config"


def translate_dns(place: Place, message: Cluster, endpoints: LoadAssignment) -> Dns:
    """Endpoints by host name. LOGICAL_DNS has exactly one, as Envoy demands."""
    strict, family = message.type == ClusterDiscoveryType.STRICT_DNS, FAMILIES.get(message.dns_lookup_family)
    found = settings_of(place, message, endpoints, strict, family)
    awaited = message.wait_for_warm_on_init
    return replace(found, resolver=resolver_of(place, message), awaited=awaited is None or awaited)


def translate_new_dns(place: Place, raw: bytes, endpoints: LoadAssignment) -> Dns:
    """The same as an extension, `envoy.clusters.dns`."""
    message = open_message(place, DnsCluster, raw)
    strict, family = not message.all_addresses_in_single_endpoint, NEW_FAMILIES.get(message.dns_lookup_family)
    found = settings_of(place, message, endpoints, strict, family)
    told = message.typed_dns_resolver_config
    return found if told is None else replace(found, resolver=typed_resolver(place.at(TYPED), told))


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
    if most < first:  # of a DNS cluster, Envoy refuses it; of a cache of names, it dies of it
        raise place.rejected("must not be less than base_interval", "max_interval")
    return first, most


def longer(place: Place, duration: timedelta | None) -> float:
    """Seconds of a duration that Envoy wants to be more than a millisecond."""
    found = positive(place, duration)
    if found <= SHORTEST:
        raise place.rejected("must be more than a millisecond")
    return found
