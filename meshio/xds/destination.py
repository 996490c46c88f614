"""Where a forward sends its requests: one cluster, one that a header names, or one of several by weight."""

from meshio.balancing.labels import Labels
from meshio.routing.rewrite import HostLiteral
from meshio.routing.route import ByHash, ByHeader, Draw, WeightedCluster
from meshio.xds.labels import wanted_labels
from meshio.xds.layers import translate_overrides
from meshio.xds.mutation import request_mutation, response_mutation
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import RouteAction, WeightedClusterClusterWeight
from meshio.xds.proto.envoy.config.route.v3 import WeightedCluster as WeightedClusters
from meshio.xds.text import one_line

LARGEST_SUM = 2**32 - 1


def destinations(place: Place, action: RouteAction) -> tuple[WeightedCluster, ...]:
    """The one cluster, or the weighted ones (those of weight 0 get nothing and are left out)."""
    wanted = wanted_labels(action.metadata_match)
    if action.cluster is not None:
        if not action.cluster:
            raise place.rejected("has no name", "cluster")
        return (WeightedCluster(action.cluster, wanted=wanted),)
    if action.cluster_header is not None:
        header = cluster_header(place.at("cluster_header"), action.cluster_header)
        return (WeightedCluster("", wanted=wanted, header=header),)
    if action.weighted_clusters is None:
        raise place.rejected("names no cluster")
    here = place.at("weighted_clusters")
    weighted = action.weighted_clusters.clusters
    clusters = [weighted_cluster(here.at("clusters", index), each, wanted) for index, each in enumerate(weighted)]
    total = sum(each.weight for each in clusters)
    if not 0 < total <= LARGEST_SUM:
        raise here.rejected(f"the sum of the weights is {total}", "clusters")
    return tuple(each for each in clusters if each.weight)


def cluster_header(place: Place, name: str) -> str:
    """The header that names a cluster. Envoy takes what no header can be called; no request has it."""
    if not name:
        raise place.rejected("has no name")
    return one_line(place, name).lower()


def weighted_cluster(place: Place, each: WeightedClusterClusterWeight, wanted: Labels) -> WeightedCluster:
    """One of several destinations; `wanted` are the labels that the route asks for."""
    if bool(each.name) is bool(each.cluster_header):
        raise place.rejected("must have either a name or a cluster_header", "name")
    if each.weight is None:
        raise place.rejected("is required", "weight")
    host = each.host_rewrite_literal
    return WeightedCluster(
        each.name,
        each.weight,
        request_mutation(place, each),
        response_mutation(place, each),
        HostLiteral(one_line(place.at("host_rewrite_literal"), host)) if host else None,
        translate_overrides(place, each.typed_per_filter_config),
        tuple(sorted((dict(wanted) | dict(wanted_labels(each.metadata_match))).items())),
        cluster_header(place.at("cluster_header"), each.cluster_header) if each.cluster_header else "",
    )


def draw(place: Place, weighted: WeightedClusters | None) -> Draw | None:
    """What decides among several clusters instead of chance."""
    if weighted is None:
        return None
    if weighted.use_hash_policy:
        return ByHash()
    if weighted.header_name:
        return ByHeader(one_line(place.at("weighted_clusters.header_name"), weighted.header_name).lower())
    return None
