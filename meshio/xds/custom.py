"""Clusters of a kind of their own (`cluster_type`) -> where their endpoints come from. The one table to extend."""

from collections.abc import Callable

from meshio.upstream.cluster import Aggregate, Discovery
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.dns import translate_new_dns
from meshio.xds.dynamic_forward import translate_dynamic
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterCustomClusterType
from meshio.xds.proto.envoy.extensions.clusters.aggregate.v3 import ClusterConfig as AggregateConfig

PREFIX = "envoy.extensions.clusters."


def aggregate_of(place: Place, raw: bytes, endpoints: LoadAssignment) -> Discovery:
    """Other clusters, by name."""
    names = open_message(place, AggregateConfig, raw).clusters
    if not names:
        raise place.rejected("must name at least one", "clusters")
    return Aggregate(tuple(names))


KINDS: dict[str, Callable[[Place, bytes, LoadAssignment], Discovery]] = {
    "aggregate.v3.ClusterConfig": aggregate_of,
    "dns.v3.DnsCluster": translate_new_dns,
    "dynamic_forward_proxy.v3.ClusterConfig": translate_dynamic,
}
"""By the message of their configuration, without PREFIX. Their names say nothing: Envoy goes by the message, too."""


def custom_discovery(place: Place, custom: ClusterCustomClusterType, endpoints: LoadAssignment) -> Discovery:
    """Raises Rejected for a kind that is not supported."""
    kind = type_of(place.at("typed_config"), custom.typed_config).removeprefix(PREFIX)
    translate = KINDS.get(kind)
    if translate is None or custom.typed_config is None:
        raise place.rejected(f"{custom.name!r} ({kind or 'without a configuration'}) is not supported")
    return translate(place.at("typed_config"), custom.typed_config.value, endpoints)
