"""Load balancing policies: xDS name -> balancing value. The one table to extend for a new policy."""

from collections.abc import Callable

from betterproto2 import Message

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.policy import Policy
from meshio.balancing.uniform import Random
from meshio.xds.client_weights import client_weights_of
from meshio.xds.consistent import maglev_of, old_maglev_of, old_ring_hash_of, ring_hash_of
from meshio.xds.extension import open_message, type_of
from meshio.xds.locality import LocalityRule, common_rule, policy_rule
from meshio.xds.override_host import override_host_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterCommonLbConfig,
    ClusterLbPolicy,
    ClusterLeastRequestLbConfig,
    ClusterRoundRobinLbConfig,
    LoadBalancingPolicy,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies import (
    client_side_weighted_round_robin,
    cluster_provided,
    least_request,
    maglev,
    override_host,
    random,
    ring_hash,
    round_robin,
    subset,
    wrr_locality,
)
from meshio.xds.subset import old_subset_of, subset_of
from meshio.xds.turns import least_request_of, round_robin_of


def wrr_locality_of(place: Place, config: wrr_locality.v3.WrrLocality) -> Policy:
    """Weighs localities first, which the cluster does for every policy, then endpoints by another policy."""
    if config.endpoint_picking_policy is None:
        raise place.rejected("is required", "endpoint_picking_policy")
    policy, _ = extension_policy(place.at("endpoint_picking_policy"), config.endpoint_picking_policy)
    return policy


OLD: dict[int, Callable[[Place, Cluster], Policy]] = {
    ClusterLbPolicy.ROUND_ROBIN: lambda place, cluster: round_robin_of(
        place.at("round_robin_lb_config"), cluster.round_robin_lb_config or ClusterRoundRobinLbConfig()
    ),
    ClusterLbPolicy.LEAST_REQUEST: lambda place, cluster: least_request_of(
        place.at("least_request_lb_config"), cluster.least_request_lb_config or ClusterLeastRequestLbConfig()
    ),
    ClusterLbPolicy.RANDOM: lambda place, cluster: Random(),
    ClusterLbPolicy.RING_HASH: old_ring_hash_of,
    ClusterLbPolicy.MAGLEV: old_maglev_of,
    ClusterLbPolicy.CLUSTER_PROVIDED: lambda place, cluster: ClusterProvided(),
}
"""`lb_policy`, with its settings in the cluster."""

NEW: dict[str, tuple[type[Message], Callable[..., Policy]]] = {
    "round_robin.v3.RoundRobin": (round_robin.v3.RoundRobin, round_robin_of),
    "least_request.v3.LeastRequest": (least_request.v3.LeastRequest, least_request_of),
    "client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin": (
        client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin,
        client_weights_of,
    ),
    "random.v3.Random": (random.v3.Random, lambda place, config: Random()),
    "ring_hash.v3.RingHash": (ring_hash.v3.RingHash, ring_hash_of),
    "maglev.v3.Maglev": (maglev.v3.Maglev, maglev_of),
    "wrr_locality.v3.WrrLocality": (wrr_locality.v3.WrrLocality, wrr_locality_of),
    "cluster_provided.v3.ClusterProvided": (
        cluster_provided.v3.ClusterProvided,
        lambda place, config: ClusterProvided(),
    ),
}
"""`load_balancing_policy`: extensions of `envoy.extensions.load_balancing_policies`."""

NESTED: dict[str, tuple[type[Message], Callable[..., tuple[Policy, LocalityRule]]]] = {
    "override_host.v3.OverrideHost": (override_host.v3.OverrideHost, override_host_of),
    "subset.v3.Subset": (subset.v3.Subset, subset_of),
}
"""Extensions around other ones."""

NEW_PREFIX = "envoy.extensions.load_balancing_policies."


def translate_policy(place: Place, cluster: Cluster) -> tuple[Policy, LocalityRule]:
    """The policy, and what localities count for. The list of extensions wins over `lb_policy`."""
    if cluster.load_balancing_policy is not None:
        refuse_old(place, cluster.common_lb_config)
        if cluster.lb_subset_config is not None:
            raise place.rejected("cannot be combined with load_balancing_policy", "lb_subset_config")
        return extension_policy(place.at("load_balancing_policy"), cluster.load_balancing_policy)
    translate = OLD.get(cluster.lb_policy)
    if translate is None:
        raise place.rejected(f"{cluster.lb_policy} is not supported", "lb_policy")
    rule = common_rule(place, cluster.common_lb_config)
    return old_subset_of(place, cluster, translate(place, cluster), rule.weighted), rule


def refuse_old(place: Place, common: ClusterCommonLbConfig | None) -> None:
    """Envoy refuses what both the cluster and an extension could say."""
    for field in ("zone_aware_lb_config", "locality_weighted_lb_config", "consistent_hashing_lb_config"):
        if getattr(common, field, None) is not None:
            raise place.rejected("cannot be combined with load_balancing_policy", f"common_lb_config.{field}")


def extension_policy(place: Place, policies: LoadBalancingPolicy) -> tuple[Policy, LocalityRule]:
    """The first policy of the list that is known: the list says what to fall back to (gRFC A52)."""
    for index, each in enumerate(policies.policies):
        extension = each.typed_extension_config
        here = place.at("policies", index)
        kind = type_of(here, extension.typed_config if extension is not None else None).removeprefix(NEW_PREFIX)
        if kind in NEW and extension is not None and extension.typed_config is not None:
            cls, translate = NEW[kind]
            config = open_message(here, cls, extension.typed_config.value)
            return translate(here, config), policy_rule(here, config)
        if kind in NESTED and extension is not None and extension.typed_config is not None:
            cls, nest = NESTED[kind]
            return nest(here, open_message(here, cls, extension.typed_config.value), extension_policy)
    raise place.rejected("names no policy that is supported", "policies")
