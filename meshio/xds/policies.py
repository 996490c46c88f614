"""Load balancing policies: xDS name -> balancing value. The one table to extend for a new policy."""

from collections.abc import Callable

from betterproto2 import Message

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.xds.duration import seconds
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterLbPolicy,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
    LoadBalancingPolicy,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies import (
    cluster_provided,
    common,
    least_request,
    maglev,
    random,
    ring_hash,
    round_robin,
    wrr_locality,
)

LARGEST_RING = 8 * 1024 * 1024
LARGEST_TABLE = 5_000_011


def slow_start_of(place: Place, config: ClusterSlowStartConfig | common.v3.SlowStartConfig | None) -> SlowStart | None:
    """How new hosts grow to their weight; None without a window."""
    window = seconds(place.at("slow_start_window"), config.slow_start_window) if config is not None else None
    if config is None or not window:
        return None
    aggression = 1.0 if config.aggression is None else config.aggression.default_value
    if not aggression > 0:
        raise place.rejected("must be above 0", "aggression")
    least = 10.0 if config.min_weight_percent is None else config.min_weight_percent.value
    if not 0 <= least <= 100:
        raise place.rejected("must be from 0 to 100", "min_weight_percent")
    return SlowStart(window, aggression, least)


def round_robin_of(place: Place, config: ClusterRoundRobinLbConfig | round_robin.v3.RoundRobin) -> Policy:
    """Turns, with a slow start for new hosts where one is asked for."""
    return RoundRobin(slow_start_of(place.at("slow_start_config"), config.slow_start_config))


def least_request_of(place: Place, config: ClusterLeastRequestLbConfig | least_request.v3.LeastRequest) -> Policy:
    """Two random choices and a bias of 1, unless given otherwise."""
    choices = 2 if config.choice_count is None else config.choice_count
    if choices < 2:
        raise place.rejected("must be at least 2", "choice_count")
    bias = 1.0 if config.active_request_bias is None else config.active_request_bias.default_value
    if bias < 0:
        raise place.rejected("is negative", "active_request_bias")
    return LeastRequest(choices, bias, slow_start_of(place.at("slow_start_config"), config.slow_start_config))


def ring_hash_of(place: Place, config: ClusterRingHashLbConfig | ring_hash.v3.RingHash) -> Policy:
    """Envoy refuses a ring whose least size is above its largest; so do we."""
    least = 1024 if config.minimum_ring_size is None else config.minimum_ring_size
    most = LARGEST_RING if config.maximum_ring_size is None else config.maximum_ring_size
    if not 1 <= least <= most <= LARGEST_RING:
        raise place.rejected(f"must be from 1 to maximum_ring_size, at most {LARGEST_RING}", "minimum_ring_size")
    return RingHash(least, most)


def maglev_of(place: Place, config: ClusterMaglevLbConfig | maglev.v3.Maglev) -> Policy:
    """Envoy refuses tables that are not of prime size."""
    size = 65537 if config.table_size is None else config.table_size
    if not 2 <= size <= LARGEST_TABLE or any(size % divisor == 0 for divisor in range(2, int(size**0.5) + 1)):
        raise place.rejected(f"must be a prime up to {LARGEST_TABLE}", "table_size")
    return Maglev(size)


def wrr_locality_of(place: Place, config: wrr_locality.v3.WrrLocality) -> Policy:
    """Weighs localities first, which the cluster does for every policy, then endpoints by another policy."""
    if config.endpoint_picking_policy is None:
        raise place.rejected("is required", "endpoint_picking_policy")
    policy, _ = extension_policy(place.at("endpoint_picking_policy"), config.endpoint_picking_policy)
    return policy


OLD: dict[int, Callable[[Place, Cluster], Policy]] = {
    ClusterLbPolicy.ROUND_ROBIN: lambda place, cluster: round_robin_of(
        place.at("round_robin_lb_config"), cluster.round_robin_lb_config or ClusterRoundRobinLbConfig()
    ),
    ClusterLbPolicy.LEAST_REQUEST: lambda place, cluster: least_request_of(
        place.at("least_request_lb_config"), cluster.least_request_lb_config or ClusterLeastRequestLbConfig()
    ),
    ClusterLbPolicy.RANDOM: lambda place, cluster: Random(),
    ClusterLbPolicy.RING_HASH: lambda place, cluster: ring_hash_of(
        place.at("ring_hash_lb_config"), cluster.ring_hash_lb_config or ClusterRingHashLbConfig()
    ),
    ClusterLbPolicy.MAGLEV: lambda place, cluster: maglev_of(
        place.at("maglev_lb_config"), cluster.maglev_lb_config or ClusterMaglevLbConfig()
    ),
    ClusterLbPolicy.CLUSTER_PROVIDED: lambda place, cluster: ClusterProvided(),
}
"""`lb_policy`, with its settings in the cluster."""

NEW: dict[str, tuple[type[Message], Callable[..., Policy]]] = {
    "round_robin.v3.RoundRobin": (round_robin.v3.RoundRobin, round_robin_of),
    "least_request.v3.LeastRequest": (least_request.v3.LeastRequest, least_request_of),
    "random.v3.Random": (random.v3.Random, lambda place, config: Random()),
    "ring_hash.v3.RingHash": (ring_hash.v3.RingHash, ring_hash_of),
    "maglev.v3.Maglev": (maglev.v3.Maglev, maglev_of),
    "wrr_locality.v3.WrrLocality": (wrr_locality.v3.WrrLocality, wrr_locality_of),
    "cluster_provided.v3.ClusterProvided": (
        cluster_provided.v3.ClusterProvided,
        lambda place, config: ClusterProvided(),
    ),
}
"""`load_balancing_policy`: extensions of `envoy.extensions.load_balancing_policies`."""

NEW_PREFIX = "envoy.extensions.load_balancing_policies."


def translate_policy(place: Place, cluster: Cluster) -> tuple[Policy, bool]:
    """The policy, and whether localities are weighed first. The list of extensions wins over `lb_policy`."""
    if cluster.load_balancing_policy is not None:
        return extension_policy(place.at("load_balancing_policy"), cluster.load_balancing_policy)
    translate = OLD.get(cluster.lb_policy)
    if translate is None:
        raise place.rejected(f"{cluster.lb_policy} is not supported", "lb_policy")
    common = cluster.common_lb_config
    return translate(place, cluster), common is not None and common.locality_weighted_lb_config is not None


def extension_policy(place: Place, policies: LoadBalancingPolicy) -> tuple[Policy, bool]:
    """The first policy of the list that is known: the list says what to fall back to (gRFC A52)."""
    for index, each in enumerate(policies.policies):
        extension = each.typed_extension_config
        here = place.at("policies", index)
        kind = type_of(here, extension.typed_config if extension is not None else None).removeprefix(NEW_PREFIX)
        if kind in NEW and extension is not None and extension.typed_config is not None:
            cls, translate = NEW[kind]
            config = open_message(here, cls, extension.typed_config.value)
            return translate(here, config), weighs_localities(config)
    raise place.rejected("names no policy that is supported", "policies")


def weighs_localities(config: Message) -> bool:
    """Whether an extension asks for locality weights, in one of the three ways there are."""
    if isinstance(config, wrr_locality.v3.WrrLocality):
        return True
    if isinstance(config, ring_hash.v3.RingHash | maglev.v3.Maglev):
        return config.locality_weighted_lb_config is not None
    locality = getattr(config, "locality_lb_config", None)
    return locality is not None and locality.locality_weighted_lb_config is not None
