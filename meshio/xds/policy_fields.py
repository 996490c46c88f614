"""What happens to each field of a load balancing policy, old style (in the cluster) and new (as an extension)."""

from betterproto2 import Message

from meshio.xds.proto.envoy.config.cluster.v3 import (
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRoundRobinLbConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.cluster_provided.v3 import ClusterProvided
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    ConsistentHashingLbConfig,
    LocalityLbConfig,
    LocalityLbConfigLocalityWeightedLbConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequest
from meshio.xds.proto.envoy.extensions.load_balancing_policies.maglev.v3 import Maglev
from meshio.xds.proto.envoy.extensions.load_balancing_policies.random.v3 import Random
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin
from meshio.xds.proto.envoy.extensions.load_balancing_policies.wrr_locality.v3 import WrrLocality
from meshio.xds.rule import Rules, ignored, only, read, rejected

SLOW_START = "a new host gets its full share at once: less gentle than asked for, never wrong"

POLICY_FIELDS: dict[type[Message], Rules] = {
    ClusterRoundRobinLbConfig: ignored(SLOW_START, "slow_start_config"),
    ClusterLeastRequestLbConfig: {
        **read("choice_count", "active_request_bias"),
        **ignored(SLOW_START, "slow_start_config"),
    },
    ClusterRingHashLbConfig: {
        **read("minimum_ring_size", "maximum_ring_size"),
        **only((0,), "only xxHash is supported", "hash_function"),
    },
    ClusterMaglevLbConfig: read("table_size"),
    RoundRobin: {**read("locality_lb_config"), **ignored(SLOW_START, "slow_start_config")},
    LeastRequest: {
        **read("choice_count", "active_request_bias", "locality_lb_config"),
        **ignored(SLOW_START, "slow_start_config"),
        **only((False,), "", "enable_full_scan"),
        **rejected("", "selection_method"),
    },
    Random: read("locality_lb_config"),
    RingHash: {
        **read("minimum_ring_size", "maximum_ring_size", "locality_weighted_lb_config"),
        **read("consistent_hashing_lb_config"),
        **only((0, 1), "only xxHash is supported", "hash_function"),
        **rejected("", "use_hostname_for_hashing", "hash_balance_factor"),
    },
    Maglev: read("table_size", "locality_weighted_lb_config", "consistent_hashing_lb_config"),
    ClusterProvided: {},
    WrrLocality: read("endpoint_picking_policy"),
    LocalityLbConfig: {**read("locality_weighted_lb_config"), **rejected("", "zone_aware_lb_config")},
    LocalityLbConfigLocalityWeightedLbConfig: {},
    ConsistentHashingLbConfig: rejected("", "use_hostname_for_hashing", "hash_balance_factor", "hash_policy"),
}
