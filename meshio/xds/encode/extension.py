"""Balancing policies -> extensions (`load_balancing_policy`): for what the older fields of a cluster cannot say."""

from betterproto2 import Message

from meshio.balancing.consistent import Consistency
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.errors import Rejected
from meshio.xds.encode.forward import encode_hash_policy
from meshio.xds.encode.parts import packed, runtime_double, seconds
from meshio.xds.proto.envoy.config.cluster.v3 import LoadBalancingPolicy, LoadBalancingPolicyPolicy
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    ConsistentHashingLbConfig,
    LocalityLbConfig,
    LocalityLbConfigLocalityWeightedLbConfig,
    SlowStartConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import (
    LeastRequest as LeastRequestMessage,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequestSelectionMethod
from meshio.xds.proto.envoy.extensions.load_balancing_policies.maglev.v3 import Maglev as MaglevMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.random.v3 import Random as RandomMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash as RingHashMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHashHashFunction
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin as RoundRobinMessage
from meshio.xds.proto.envoy.type.v3 import Percent

WEIGHTED = LocalityLbConfigLocalityWeightedLbConfig()
PREFIX = "envoy.load_balancing_policies."


def encode_extension(policy: Policy, weighted: bool) -> LoadBalancingPolicy:
    """Raises Rejected for a policy of our own. `weighted`: localities count by their weights."""
    config = encode_config(policy, weighted)
    kind = type(config).__module__.split(".")[-2]
    extension = TypedExtensionConfig(name=PREFIX + kind, typed_config=packed(config))
    return LoadBalancingPolicy([LoadBalancingPolicyPolicy(extension)])


def encode_config(policy: Policy, weighted: bool) -> Message:
    localities = LocalityLbConfig(locality_weighted_lb_config=WEIGHTED) if weighted else None
    spanned = WEIGHTED if weighted else None
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
    raise Rejected("policy", "policy", f"xDS has no name for {policy}")


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
