"""Balancing policies -> the cluster's lb_policy and what belongs to it, or an extension where that is not enough."""

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.balancing.zone import FAIR
from meshio.errors import Rejected
from meshio.upstream.cluster import Cluster
from meshio.xds.encode.extension import encode_extension
from meshio.xds.encode.parts import runtime_double, seconds
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster as ClusterMessage
from meshio.xds.proto.envoy.config.cluster.v3 import (
    ClusterCommonLbConfigLocalityWeightedLbConfig,
    ClusterCommonLbConfigZoneAwareLbConfig,
    ClusterLbPolicy,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRingHashLbConfigHashFunction,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
)
from meshio.xds.proto.envoy.type.v3 import Percent


def set_policy(encoded: ClusterMessage, cluster: Cluster) -> None:
    """Raises Rejected for a policy of our own."""
    zone, common = cluster.zone_aware, encoded.common_lb_config
    if zone.forced is not None or zone.by_weight or not set_old_policy(encoded, cluster):
        try:
            encoded.load_balancing_policy = encode_extension(cluster)
        except Rejected as error:
            raise Rejected(cluster.name, error.field, error.reason) from None
    elif cluster.locality_weighted and common is not None:
        common.locality_weighted_lb_config = ClusterCommonLbConfigLocalityWeightedLbConfig()
    elif zone != FAIR and common is not None:
        common.zone_aware_lb_config = ClusterCommonLbConfigZoneAwareLbConfig(
            routing_enabled=Percent(value=zone.share),
            min_cluster_size=zone.least,
            fail_traffic_on_panic=zone.fail_on_panic,
        )


def set_old_policy(encoded: ClusterMessage, cluster: Cluster) -> bool:
    """True where the older fields say all that there is to say."""
    match cluster.policy:
        case RoundRobin(slow_start):
            encoded.lb_policy = ClusterLbPolicy.ROUND_ROBIN
            if slow_start is not None:
                encoded.round_robin_lb_config = ClusterRoundRobinLbConfig(encode_slow_start(slow_start))
        case Random():
            encoded.lb_policy = ClusterLbPolicy.RANDOM
        case ClusterProvided():
            encoded.lb_policy = ClusterLbPolicy.CLUSTER_PROVIDED
        case LeastRequest(full_scan=False) as policy:
            encoded.lb_policy = ClusterLbPolicy.LEAST_REQUEST
            encoded.least_request_lb_config = encode_least_request(policy)
        case RingHash() as policy if policy == RingHash(policy.minimum, policy.maximum, policy.murmur):
            encoded.lb_policy = ClusterLbPolicy.RING_HASH
            encoded.ring_hash_lb_config = encode_ring_hash(policy)
        case Maglev(size) as policy if policy == Maglev(size):
            encoded.lb_policy = ClusterLbPolicy.MAGLEV
            encoded.maglev_lb_config = ClusterMaglevLbConfig(table_size=size)
        case _:
            return False
    return True


def encode_ring_hash(policy: RingHash) -> ClusterRingHashLbConfig:
    functions = ClusterRingHashLbConfigHashFunction
    return ClusterRingHashLbConfig(
        minimum_ring_size=policy.minimum,
        maximum_ring_size=policy.maximum,
        hash_function=functions.MURMUR_HASH_2 if policy.murmur else functions.XX_HASH,
    )


def encode_least_request(policy: LeastRequest) -> ClusterLeastRequestLbConfig | None:
    """Nothing when all of it is as usual."""
    if policy == LeastRequest():
        return None
    bias = runtime_double(policy.bias) if policy.bias != LeastRequest().bias else None
    slow_start = encode_slow_start(policy.slow_start) if policy.slow_start is not None else None
    return ClusterLeastRequestLbConfig(
        choice_count=policy.choices, active_request_bias=bias, slow_start_config=slow_start
    )


def encode_slow_start(slow_start: SlowStart) -> ClusterSlowStartConfig:
    return ClusterSlowStartConfig(
        slow_start_window=seconds(slow_start.window),
        aggression=runtime_double(slow_start.aggression),
        min_weight_percent=Percent(value=slow_start.least),
    )
