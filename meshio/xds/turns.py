"""Policies that take hosts in turn or by chance: round robin, least request, and how new hosts grow."""

from meshio.balancing.least_request import LeastRequest
from meshio.balancing.policy import Policy
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.xds.duration import seconds
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import (
    ClusterLeastRequestLbConfig,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
)
from meshio.xds.proto.envoy.config.core.v3 import RuntimeDouble
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import SlowStartConfig
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import (
    LeastRequest as LeastRequestMessage,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequestSelectionMethod
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin as RoundRobinMessage


def slow_start_of(place: Place, config: ClusterSlowStartConfig | SlowStartConfig | None) -> SlowStart | None:
    """How new hosts grow to their weight; None without a window."""
    window = seconds(place.at("slow_start_window"), config.slow_start_window) if config is not None else None
    if config is None or not window:
        return None
    least = 10.0 if config.min_weight_percent is None else config.min_weight_percent.value
    if not 0 <= least <= 100:
        raise place.rejected("must be from 0 to 100", "min_weight_percent")
    return SlowStart(window, usual_unless(config.aggression, 0.0) or 1.0, least)


def usual_unless(given: RuntimeDouble | None, least: float) -> float:
    """A number that Envoy takes as 1 when it is left out or below what makes sense."""
    return given.default_value if given is not None and given.default_value >= least else 1.0


def round_robin_of(place: Place, config: ClusterRoundRobinLbConfig | RoundRobinMessage) -> Policy:
    """Turns, with a slow start for new hosts where one is asked for."""
    return RoundRobin(slow_start_of(place.at("slow_start_config"), config.slow_start_config))


def least_request_of(place: Place, config: ClusterLeastRequestLbConfig | LeastRequestMessage) -> Policy:
    """Two random choices and a bias of 1, unless given otherwise."""
    choices = 2 if config.choice_count is None else config.choice_count
    if choices < 2:
        raise place.rejected("must be at least 2", "choice_count")
    bias = usual_unless(config.active_request_bias, 0.0)
    slow_start = slow_start_of(place.at("slow_start_config"), config.slow_start_config)
    full = isinstance(config, LeastRequestMessage) and scans_all(place, config)
    return LeastRequest(choices, bias, slow_start, full)


def scans_all(place: Place, config: LeastRequestMessage) -> bool:
    """Whether all hosts are looked at: the older field says it, too."""
    method = config.selection_method
    if method not in (LeastRequestSelectionMethod.N_CHOICES, LeastRequestSelectionMethod.FULL_SCAN):
        raise place.rejected(f"{int(method)} is unknown", "selection_method")
    return bool(config.enable_full_scan) or method == LeastRequestSelectionMethod.FULL_SCAN
