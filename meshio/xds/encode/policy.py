"""Balancing policies -> the cluster's lb_policy and what belongs to it."""

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.errors import Rejected
from meshio.xds.encode.parts import seconds
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterLbPolicy,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
)
from meshio.xds.proto.envoy.config.core.v3 import RuntimeDouble
from meshio.xds.proto.envoy.type.v3 import Percent

BIAS, AGGRESSION = "meshio.least_request_bias", "meshio.slow_start_aggression"
"""Envoy wants a name for whatever could be changed at run time."""


def set_policy(encoded: Cluster, policy: Policy) -> None:
    """Raises Rejected for a policy of our own."""
    match policy:
        case RoundRobin(slow_start):
            encoded.lb_policy = ClusterLbPolicy.ROUND_ROBIN
            if slow_start is not None:
                encoded.round_robin_lb_config = ClusterRoundRobinLbConfig(
                    slow_start_config=encode_slow_start(slow_start)
                )
        case Random():
            encoded.lb_policy = ClusterLbPolicy.RANDOM
        case ClusterProvided():
            encoded.lb_policy = ClusterLbPolicy.CLUSTER_PROVIDED
        case LeastRequest():
            encoded.lb_policy = ClusterLbPolicy.LEAST_REQUEST
            encoded.least_request_lb_config = encode_least_request(policy)
        case RingHash(minimum, maximum):
            encoded.lb_policy = ClusterLbPolicy.RING_HASH
            encoded.ring_hash_lb_config = ClusterRingHashLbConfig(minimum_ring_size=minimum, maximum_ring_size=maximum)
        case Maglev(size):
            encoded.lb_policy = ClusterLbPolicy.MAGLEV
            encoded.maglev_lb_config = ClusterMaglevLbConfig(table_size=size)
        case _:
            raise Rejected(encoded.name, "policy", f"xDS has no name for {policy}")


def encode_least_request(policy: LeastRequest) -> ClusterLeastRequestLbConfig | None:
    """Nothing when all of it is as usual."""
    if policy == LeastRequest():
        return None
    bias = RuntimeDouble(default_value=policy.bias, runtime_key=BIAS) if policy.bias != LeastRequest().bias else None
    slow_start = encode_slow_start(policy.slow_start) if policy.slow_start is not None else None
    return ClusterLeastRequestLbConfig(
        choice_count=policy.choices, active_request_bias=bias, slow_start_config=slow_start
    )


def encode_slow_start(slow_start: SlowStart) -> ClusterSlowStartConfig:
    return ClusterSlowStartConfig(
        slow_start_window=seconds(slow_start.window),
        aggression=RuntimeDouble(default_value=slow_start.aggression, runtime_key=AGGRESSION),
        min_weight_percent=Percent(value=slow_start.least),
    )
