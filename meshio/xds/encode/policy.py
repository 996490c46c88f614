"""Balancing policies -> the cluster's lb_policy and what belongs to it."""

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.uniform import Random
from meshio.errors import Rejected
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterLbPolicy,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
)
from meshio.xds.proto.envoy.config.core.v3 import RuntimeDouble

UNNAMED = "meshio.least_request_bias"  # Envoy wants a name for whatever could be changed at run time


def set_policy(encoded: Cluster, policy: Policy) -> None:
    """Raises Rejected for a policy of our own."""
    match policy:
        case RoundRobin():
            encoded.lb_policy = ClusterLbPolicy.ROUND_ROBIN
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
    bias = RuntimeDouble(default_value=policy.bias, runtime_key=UNNAMED) if policy.bias != LeastRequest().bias else None
    return ClusterLeastRequestLbConfig(choice_count=policy.choices, active_request_bias=bias)
