"""Subsets by labels: the field of a cluster and the extension say the same."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from meshio.balancing.policy import Policy
from meshio.balancing.subset import Fallback, Selector, Subset
from meshio.xds.labels import labels_of
from meshio.xds.locality import LocalityRule
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterLbPolicy,
    ClusterLbSubsetConfig,
    LoadBalancingPolicy,
)
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterLbSubsetConfigLbSubsetSelector as OldSelector
from meshio.xds.proto.envoy.extensions.load_balancing_policies.subset.v3 import Subset as SubsetMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.subset.v3 import SubsetLbSubsetSelector

Config: TypeAlias = ClusterLbSubsetConfig | SubsetMessage
Extension: TypeAlias = Callable[[Place, LoadBalancingPolicy], tuple[Policy, LocalityRule]]

FALLBACKS: tuple[Fallback, ...] = ("none", "any", "default")
SELECTOR_FALLBACKS: tuple[Fallback, ...] = ("", "none", "any", "default", "keys")


def old_subset_of(place: Place, cluster: Cluster, child: Policy, weighted: bool) -> Policy:
    """`lb_subset_config` around the cluster's policy. Without selectors Envoy passes it over."""
    config, here = cluster.lb_subset_config, place.at("lb_subset_config")
    if config is None or not config.subset_selectors:
        return child
    if cluster.lb_policy == ClusterLbPolicy.CLUSTER_PROVIDED:
        raise here.rejected("cannot be combined with CLUSTER_PROVIDED")
    if config.locality_weight_aware and not weighted:
        raise here.rejected("needs locality_weighted_lb_config", "locality_weight_aware")
    return subset(here, config, child, redundant=False)


def subset_of(place: Place, config: SubsetMessage, extension: Extension) -> tuple[Policy, LocalityRule]:
    """The extension; `extension` translates the policy in it."""
    here = place.at("subset_lb_policy")
    if config.subset_lb_policy is None:
        raise here.rejected("is required")
    child, rule = extension(here, config.subset_lb_policy)
    return subset(place, config, child, redundant=config.allow_redundant_keys), rule


def subset(place: Place, config: Config, child: Policy, redundant: bool) -> Subset:
    """What both say."""
    given: Sequence[OldSelector | SubsetLbSubsetSelector] = config.subset_selectors
    selectors = [selector(place.at("subset_selectors", i), each) for i, each in enumerate(given)]
    alternatives = int(config.metadata_fallback_policy)
    if alternatives not in (0, 1):
        raise place.rejected(f"{alternatives} is unknown", "metadata_fallback_policy")
    return Subset(
        child,
        tuple(each for each in selectors if each.keys),
        one_of(place, "fallback_policy", FALLBACKS, config.fallback_policy),
        labels_of(config.default_subset),
        panic_any=config.panic_mode_any,
        list_as_any=config.list_as_any,
        weigh=config.locality_weight_aware,
        scale=config.scale_locality_weight,
        alternatives=bool(alternatives),
        redundant=redundant,
    )


def selector(place: Place, config: OldSelector | SubsetLbSubsetSelector) -> Selector:
    """Names that make subsets, with Envoy's rules for falling back to fewer of them."""
    keys, fewer = set(config.keys), set(config.fallback_keys_subset)
    fallback = one_of(place, "fallback_policy", SELECTOR_FALLBACKS, config.fallback_policy)
    if (fallback == "keys") != bool(fewer):
        raise place.rejected("is for KEYS_SUBSET, which needs it", "fallback_keys_subset")
    if fewer and not fewer < keys:
        raise place.rejected("has to be some of the keys, not all", "fallback_keys_subset")
    return Selector(tuple(sorted(keys)), fallback, tuple(sorted(fewer)), config.single_host_per_subset)


def one_of(place: Place, field: str, words: tuple[Fallback, ...], number: int) -> Fallback:
    """An enum in our words."""
    if not 0 <= number < len(words):
        raise place.rejected(f"{int(number)} is unknown", field)
    return words[number]
