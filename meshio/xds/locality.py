"""What localities count for: locality weights and zone awareness, old style (in the cluster) and new (in a policy)."""

from typing import NamedTuple

from betterproto2 import Message

from meshio.balancing.zone import FAIR, ZoneAware
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterCommonLbConfig, ClusterCommonLbConfigZoneAwareLbConfig
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    LocalityLbConfig,
    LocalityLbConfigZoneAwareLbConfig,
    LocalityLbConfigZoneAwareLbConfigLocalityBasis,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.maglev.v3 import Maglev
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash
from meshio.xds.proto.envoy.extensions.load_balancing_policies.wrr_locality.v3 import WrrLocality

BASES = LocalityLbConfigZoneAwareLbConfigLocalityBasis


class LocalityRule(NamedTuple):
    """Whether localities are chosen by weight, and how the own zone is preferred where they are not."""

    weighted: bool = False
    zone_aware: ZoneAware = FAIR


def common_rule(place: Place, common: ClusterCommonLbConfig | None) -> LocalityRule:
    """What a cluster with an `lb_policy` says."""
    if common is None:
        return LocalityRule()
    zone = common.zone_aware_lb_config
    here = place.at("common_lb_config.zone_aware_lb_config")
    return LocalityRule(common.locality_weighted_lb_config is not None, zone_aware(here, zone) if zone else FAIR)


def policy_rule(place: Place, config: Message) -> LocalityRule:
    """What a policy says, in one of the three ways there are."""
    if isinstance(config, WrrLocality):
        return LocalityRule(weighted=True)
    if isinstance(config, RingHash | Maglev):
        return LocalityRule(config.locality_weighted_lb_config is not None)
    found = getattr(config, "locality_lb_config", None)
    if not isinstance(found, LocalityLbConfig):
        return LocalityRule()
    zone = found.zone_aware_lb_config
    here = place.at("locality_lb_config.zone_aware_lb_config")
    return LocalityRule(found.locality_weighted_lb_config is not None, new_zone_aware(here, zone) if zone else FAIR)


def new_zone_aware(place: Place, config: LocalityLbConfigZoneAwareLbConfig) -> ZoneAware:
    """The new style can do more: stay in the zone whatever is fair, and weigh hosts."""
    usual, forced = zone_aware(place, config), None
    if config.force_local_zone is not None:
        forced = 1 if config.force_local_zone.min_size is None else config.force_local_zone.min_size
    elif config.force_locality_direct_routing:
        forced = 1
    by_weight = config.locality_basis == BASES.HEALTHY_HOSTS_WEIGHT  # Envoy takes what it does not know for the number
    return ZoneAware(usual.share, usual.least, usual.fail_on_panic, forced, by_weight)


def zone_aware(
    place: Place, config: ClusterCommonLbConfigZoneAwareLbConfig | LocalityLbConfigZoneAwareLbConfig
) -> ZoneAware:
    """What both styles say."""
    share = 100.0 if config.routing_enabled is None else config.routing_enabled.value
    if not 0 <= share <= 100:
        raise place.rejected("must be from 0 to 100", "routing_enabled")
    least = 6 if config.min_cluster_size is None else config.min_cluster_size
    return ZoneAware(int(share), least, config.fail_traffic_on_panic)
