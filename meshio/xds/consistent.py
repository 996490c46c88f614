"""Consistent hashing: ring hash, Maglev, and what they have in common."""

from meshio.balancing.consistent import Consistency
from meshio.balancing.hashing import HashCookie, HashPolicy
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.xds.action import hash_policy
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterCommonLbConfigConsistentHashingLbConfig,
    ClusterDiscoveryType,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRingHashLbConfigHashFunction,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies import common, maglev, ring_hash
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHashHashFunction

LARGEST_RING = 8 * 1024 * 1024
LARGEST_TABLE = 5_000_011
COMMON = "consistent_hashing_lb_config"
XXHASHES = (RingHashHashFunction.DEFAULT_HASH, RingHashHashFunction.XX_HASH)


def old_ring_hash_of(place: Place, cluster: Cluster) -> Policy:
    """`lb_policy: RING_HASH`."""
    here, config = place.at("ring_hash_lb_config"), cluster.ring_hash_lb_config or ClusterRingHashLbConfig()
    least, most = ring_sizes(here, config)
    if config.hash_function not in tuple(ClusterRingHashLbConfigHashFunction):
        raise here.rejected(f"{int(config.hash_function)} is unknown", "hash_function")
    murmur = config.hash_function == ClusterRingHashLbConfigHashFunction.MURMUR_HASH_2
    return RingHash(least, most, murmur, old_consistency(place, cluster))


def ring_hash_of(place: Place, config: ring_hash.v3.RingHash) -> Policy:
    """The extension. Its older fields count only where `consistent_hashing_lb_config` is not given."""
    least, most = ring_sizes(place, config)
    murmur = config.hash_function == RingHashHashFunction.MURMUR_HASH_2
    if not murmur and config.hash_function not in XXHASHES:
        raise place.rejected(f"{int(config.hash_function)} is unknown", "hash_function")
    if config.consistent_hashing_lb_config is not None:
        consistency = consistency_of(place.at(COMMON), config.consistent_hashing_lb_config)
    else:
        consistency = Consistency(config.use_hostname_for_hashing, balance(place, config.hash_balance_factor))
    return RingHash(least, most, murmur, consistency)


def ring_sizes(place: Place, config: ClusterRingHashLbConfig | ring_hash.v3.RingHash) -> tuple[int, int]:
    """Envoy refuses a ring whose least size is above its largest; so do we."""
    least = 1024 if config.minimum_ring_size is None else config.minimum_ring_size
    most = LARGEST_RING if config.maximum_ring_size is None else config.maximum_ring_size
    if not 1 <= least <= most <= LARGEST_RING:
        raise place.rejected(f"must be from 1 to maximum_ring_size, at most {LARGEST_RING}", "minimum_ring_size")
    return least, most


def old_maglev_of(place: Place, cluster: Cluster) -> Policy:
    """`lb_policy: MAGLEV`."""
    config = cluster.maglev_lb_config or ClusterMaglevLbConfig()
    return Maglev(table_size(place.at("maglev_lb_config"), config.table_size), old_consistency(place, cluster))


def maglev_of(place: Place, config: maglev.v3.Maglev) -> Policy:
    """The extension."""
    return Maglev(
        table_size(place, config.table_size), consistency_of(place.at(COMMON), config.consistent_hashing_lb_config)
    )


def table_size(place: Place, given: int | None) -> int:
    """Envoy refuses tables that are not of prime size."""
    size = 65537 if given is None else given
    if not 2 <= size <= LARGEST_TABLE or any(size % divisor == 0 for divisor in range(2, int(size**0.5) + 1)):
        raise place.rejected(f"must be a prime up to {LARGEST_TABLE}", "table_size")
    return size


def old_consistency(place: Place, cluster: Cluster) -> Consistency:
    """Of `common_lb_config`. Envoy looks names up, and so hashes them, only for strict DNS."""
    common_config = cluster.common_lb_config
    config = common_config.consistent_hashing_lb_config if common_config is not None else None
    here = place.at("common_lb_config.consistent_hashing_lb_config")
    if config is not None and config.use_hostname_for_hashing and cluster.type != ClusterDiscoveryType.STRICT_DNS:
        raise here.rejected("needs a cluster of type STRICT_DNS", "use_hostname_for_hashing")
    return consistency_of(here, config)


def consistency_of(
    place: Place, config: ClusterCommonLbConfigConsistentHashingLbConfig | common.v3.ConsistentHashingLbConfig | None
) -> Consistency:
    """What both policies have in common."""
    if config is None:
        return Consistency()
    policies = config.hash_policy if isinstance(config, common.v3.ConsistentHashingLbConfig) else []
    return Consistency(
        config.use_hostname_for_hashing,
        balance(place, config.hash_balance_factor),
        tuple(own_hash_policy(place.at("hash_policy", i), hash_policy(place, each)) for i, each in enumerate(policies)),
    )


def own_hash_policy(place: Place, policy: HashPolicy) -> HashPolicy:
    """A cluster's own hash policy has no response to put a cookie on."""
    if isinstance(policy, HashCookie) and policy.ttl is not None:
        raise place.rejected("cookies are made up for routes only", "cookie.ttl")
    return policy


def balance(place: Place, percent: int | None) -> int:
    """Percent of the average load that a host may have; 0 for any."""
    if percent is not None and percent < 100:
        raise place.rejected("must be at least 100", "hash_balance_factor")
    return percent or 0
