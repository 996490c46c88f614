"""What happens to each field of a load balancing policy, old style (in the cluster) and new (as an extension)."""

from betterproto2 import Message

from meshio.xds.proto.envoy.config.cluster.v3 import (
    ClusterCommonLbConfigConsistentHashingLbConfig,
    ClusterLbSubsetConfig,
    ClusterLbSubsetConfigLbSubsetSelector,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3 import (
    ClientSideWeightedRoundRobin,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.cluster_provided.v3 import ClusterProvided
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    ConsistentHashingLbConfig,
    LocalityLbConfig,
    LocalityLbConfigLocalityWeightedLbConfig,
    LocalityLbConfigZoneAwareLbConfig,
    LocalityLbConfigZoneAwareLbConfigForceLocalZone,
    SlowStartConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequest
from meshio.xds.proto.envoy.extensions.load_balancing_policies.maglev.v3 import Maglev
from meshio.xds.proto.envoy.extensions.load_balancing_policies.override_host.v3 import (
    OverrideHost,
    OverrideHostOverrideHostSource,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.random.v3 import Random
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin
from meshio.xds.proto.envoy.extensions.load_balancing_policies.subset.v3 import Subset, SubsetLbSubsetSelector
from meshio.xds.proto.envoy.extensions.load_balancing_policies.wrr_locality.v3 import WrrLocality
from meshio.xds.rule import Rules, read

SUBSETS = (
    *("fallback_policy", "default_subset", "subset_selectors", "locality_weight_aware", "scale_locality_weight"),
    *("panic_mode_any", "list_as_any", "metadata_fallback_policy"),
)
SELECTOR = ("keys", "single_host_per_subset", "fallback_policy", "fallback_keys_subset")

POLICY_FIELDS: dict[type[Message], Rules] = {
    ClusterRoundRobinLbConfig: read("slow_start_config"),
    ClusterLeastRequestLbConfig: read("choice_count", "active_request_bias", "slow_start_config"),
    ClusterSlowStartConfig: read("slow_start_window", "aggression", "min_weight_percent"),
    ClusterRingHashLbConfig: read("minimum_ring_size", "maximum_ring_size", "hash_function"),
    ClusterCommonLbConfigConsistentHashingLbConfig: read("use_hostname_for_hashing", "hash_balance_factor"),
    ClusterMaglevLbConfig: read("table_size"),
    SlowStartConfig: read("slow_start_window", "aggression", "min_weight_percent"),
    RoundRobin: read("slow_start_config", "locality_lb_config"),
    LeastRequest: {
        **read("choice_count", "active_request_bias", "slow_start_config", "locality_lb_config"),
        **read("enable_full_scan", "selection_method"),
    },
    Random: read("locality_lb_config"),
    RingHash: {
        **read("minimum_ring_size", "maximum_ring_size", "locality_weighted_lb_config"),
        **read("consistent_hashing_lb_config", "hash_function", "use_hostname_for_hashing", "hash_balance_factor"),
    },
    Maglev: read("table_size", "locality_weighted_lb_config", "consistent_hashing_lb_config"),
    ClientSideWeightedRoundRobin: {
        **read("blackout_period", "weight_expiration_period", "weight_update_period", "error_utilization_penalty"),
        **read("metric_names_for_computing_utilization", "slow_start_config"),
        **read("enable_oob_load_report", "oob_reporting_period"),
    },
    ClusterProvided: {},
    OverrideHost: read("override_host_sources", "fallback_policy"),
    OverrideHostOverrideHostSource: read("header", "metadata"),
    ClusterLbSubsetConfig: read(*SUBSETS),
    ClusterLbSubsetConfigLbSubsetSelector: read(*SELECTOR),
    Subset: read(*SUBSETS, "allow_redundant_keys", "subset_lb_policy"),
    SubsetLbSubsetSelector: read(*SELECTOR),
    WrrLocality: read("endpoint_picking_policy"),
    LocalityLbConfig: read("locality_weighted_lb_config", "zone_aware_lb_config"),
    LocalityLbConfigLocalityWeightedLbConfig: {},
    LocalityLbConfigZoneAwareLbConfig: {
        **read("routing_enabled", "min_cluster_size", "fail_traffic_on_panic", "force_locality_direct_routing"),
        **read("force_local_zone", "locality_basis"),
    },
    LocalityLbConfigZoneAwareLbConfigForceLocalZone: read("min_size"),
    ConsistentHashingLbConfig: read("use_hostname_for_hashing", "hash_balance_factor", "hash_policy"),
}
