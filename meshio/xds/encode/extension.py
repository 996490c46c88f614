"""Balancing policies -> extensions (`load_balancing_policy`): for what the older fields of a cluster cannot say."""

from betterproto2 import Message

from meshio.balancing.client_weights import ClientWeights
from meshio.balancing.consistent import Consistency
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.override_host import OverrideHost
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.subset import Selector, Subset
from meshio.balancing.uniform import Random
from meshio.balancing.zone import FAIR
from meshio.errors import Rejected
from meshio.upstream.cluster import Cluster
from meshio.xds.encode.forward import encode_hash_policy
from meshio.xds.encode.labels import encode_labels, encode_path
from meshio.xds.encode.parts import packed, runtime_double, seconds
from meshio.xds.proto.envoy.config.cluster.v3 import LoadBalancingPolicy, LoadBalancingPolicyPolicy
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3 import (
    ClientSideWeightedRoundRobin,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    ConsistentHashingLbConfig,
    LocalityLbConfig,
    LocalityLbConfigLocalityWeightedLbConfig,
    LocalityLbConfigZoneAwareLbConfig,
    LocalityLbConfigZoneAwareLbConfigLocalityBasis,
    SlowStartConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    LocalityLbConfigZoneAwareLbConfigForceLocalZone as Forced,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import (
    LeastRequest as LeastRequestMessage,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequestSelectionMethod
from meshio.xds.proto.envoy.extensions.load_balancing_policies.maglev.v3 import Maglev as MaglevMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.override_host.v3 import (
    OverrideHost as OverrideHostMessage,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.override_host.v3 import OverrideHostOverrideHostSource
from meshio.xds.proto.envoy.extensions.load_balancing_policies.random.v3 import Random as RandomMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash as RingHashMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHashHashFunction
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin as RoundRobinMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.subset.v3 import Subset as SubsetMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.subset.v3 import (
    SubsetLbSubsetFallbackPolicy,
    SubsetLbSubsetMetadataFallbackPolicy,
    SubsetLbSubsetSelector,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.subset.v3 import (
    SubsetLbSubsetSelectorLbSubsetSelectorFallbackPolicy as SelectorFallback,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.wrr_locality.v3 import WrrLocality
from meshio.xds.proto.envoy.type.v3 import Percent
from meshio.xds.subset import FALLBACKS, SELECTOR_FALLBACKS

WEIGHTED = LocalityLbConfigLocalityWeightedLbConfig()
PREFIX = "envoy.load_balancing_policies."


def encode_extension(cluster: Cluster) -> LoadBalancingPolicy:
    """Raises Rejected for a policy of our own."""
    return encode_list(cluster.policy, encode_localities(cluster))


def encode_list(policy: Policy, localities: LocalityLbConfig | None) -> LoadBalancingPolicy:
    config = encode_config(policy, localities)
    kind = type(config).__module__.split(".")[-2]
    extension = TypedExtensionConfig(name=PREFIX + kind, typed_config=packed(config))
    return LoadBalancingPolicy([LoadBalancingPolicyPolicy(extension)])


def encode_localities(cluster: Cluster) -> LocalityLbConfig | None:
    """Nothing when all of it is as usual."""
    if cluster.locality_weighted:
        return LocalityLbConfig(locality_weighted_lb_config=WEIGHTED)
    zone = cluster.zone_aware
    if zone == FAIR:
        return None
    bases = LocalityLbConfigZoneAwareLbConfigLocalityBasis
    return LocalityLbConfig(
        zone_aware_lb_config=LocalityLbConfigZoneAwareLbConfig(
            routing_enabled=Percent(value=zone.share),
            min_cluster_size=zone.least,
            fail_traffic_on_panic=zone.fail_on_panic,
            force_local_zone=Forced(min_size=zone.forced) if zone.forced is not None else None,
            locality_basis=bases.HEALTHY_HOSTS_WEIGHT if zone.by_weight else bases.HEALTHY_HOSTS_NUM,
        )
    )


def encode_config(policy: Policy, localities: LocalityLbConfig | None) -> Message:
    spanned = localities.locality_weighted_lb_config if localities is not None else None
    match policy:
        case RoundRobin(slow_start):
            return RoundRobinMessage(encode_slow_start(slow_start), localities)
        case Random():
            return RandomMessage(localities)
        case LeastRequest(choices, bias, slow_start, full_scan):
            method = LeastRequestSelectionMethod.FULL_SCAN if full_scan else LeastRequestSelectionMethod.N_CHOICES
            return LeastRequestMessage(
                choice_count=choices,
                active_request_bias=runtime_double(bias),
                slow_start_config=encode_slow_start(slow_start),
                locality_lb_config=localities,
                selection_method=method,
            )
        case RingHash(minimum, maximum, murmur, consistency):
            function = RingHashHashFunction.MURMUR_HASH_2 if murmur else RingHashHashFunction.XX_HASH
            return RingHashMessage(
                hash_function=function,
                minimum_ring_size=minimum,
                maximum_ring_size=maximum,
                consistent_hashing_lb_config=encode_consistency(consistency),
                locality_weighted_lb_config=spanned,
            )
        case Maglev(size, consistency):
            return MaglevMessage(size, encode_consistency(consistency), spanned)
        case ClientWeights() if localities is None:
            return encode_client_weights(policy)
        case ClientWeights() if spanned is not None:
            return WrrLocality(encode_list(policy, None))
        case OverrideHost(child, headers):
            sources = [
                OverrideHostOverrideHostSource(metadata=encode_path(source))
                if isinstance(source, tuple)
                else OverrideHostOverrideHostSource(header=source)
                for source in headers
            ]
            return OverrideHostMessage(sources, encode_list(child, localities))
        case Subset():
            return encode_subset(policy, localities)
    raise Rejected("policy", "policy", f"xDS has no name for {policy}")


def encode_client_weights(policy: ClientWeights) -> ClientSideWeightedRoundRobin:
    return ClientSideWeightedRoundRobin(
        blackout_period=seconds(policy.blackout),
        weight_expiration_period=seconds(policy.expiration),
        weight_update_period=seconds(policy.period),
        error_utilization_penalty=policy.penalty,
        metric_names_for_computing_utilization=list(policy.metrics),
        slow_start_config=encode_slow_start(policy.slow_start),
        enable_oob_load_report=True if policy.apart is not None else None,
        oob_reporting_period=seconds(policy.apart) if policy.apart is not None else None,
    )


def encode_subset(policy: Subset, localities: LocalityLbConfig | None) -> SubsetMessage:
    return SubsetMessage(
        fallback_policy=SubsetLbSubsetFallbackPolicy(FALLBACKS.index(policy.fallback)),
        default_subset=encode_labels(policy.default) if policy.default else None,
        subset_selectors=[encode_selector(selector) for selector in policy.selectors],
        allow_redundant_keys=policy.redundant,
        locality_weight_aware=policy.weigh,
        scale_locality_weight=policy.scale,
        panic_mode_any=policy.panic_any,
        list_as_any=policy.list_as_any,
        metadata_fallback_policy=SubsetLbSubsetMetadataFallbackPolicy(int(policy.alternatives)),
        subset_lb_policy=encode_list(policy.child, localities),
    )


def encode_selector(selector: Selector) -> SubsetLbSubsetSelector:
    return SubsetLbSubsetSelector(
        keys=list(selector.keys),
        single_host_per_subset=selector.single,
        fallback_policy=SelectorFallback(SELECTOR_FALLBACKS.index(selector.fallback)),
        fallback_keys_subset=list(selector.fallback_keys),
    )


def encode_consistency(consistency: Consistency) -> ConsistentHashingLbConfig:
    return ConsistentHashingLbConfig(
        use_hostname_for_hashing=consistency.by_name,
        hash_balance_factor=consistency.balance or None,
        hash_policy=[encode_hash_policy(policy) for policy in consistency.policies],
    )


def encode_slow_start(slow_start: SlowStart | None) -> SlowStartConfig | None:
    if slow_start is None:
        return None
    return SlowStartConfig(
        slow_start_window=seconds(slow_start.window),
        aggression=runtime_double(slow_start.aggression),
        min_weight_percent=Percent(value=slow_start.least),
    )
