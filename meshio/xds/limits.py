"""Circuit breakers -> `Limits`."""

from meshio.resilience.limits import Limits, RetryBudget
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import CircuitBreakers, CircuitBreakersThresholds
from meshio.xds.proto.envoy.config.core.v3 import RoutingPriority


def translate_limits(place: Place, breakers: CircuitBreakers | None) -> Limits:
    """The thresholds of normal priority; Envoy's defaults where none are given. High priority has no routes here."""
    for index, each in enumerate(breakers.thresholds if breakers is not None else ()):
        if each.priority == RoutingPriority.DEFAULT:
            return threshold(place.at("thresholds", index), each)
    return Limits()


def threshold(place: Place, each: CircuitBreakersThresholds) -> Limits:
    default, budget = Limits(), None
    if (given := each.retry_budget) is not None:
        share = 20.0 if given.budget_percent is None else given.budget_percent.value
        if not 0 <= share <= 100:
            raise place.rejected("must be from 0 to 100", "retry_budget.budget_percent")
        budget = RetryBudget(share, 3 if given.min_retry_concurrency is None else given.min_retry_concurrency)
    return Limits(
        default.connections if each.max_connections is None else each.max_connections,
        default.pending if each.max_pending_requests is None else each.max_pending_requests,
        default.requests if each.max_requests is None else each.max_requests,
        default.retries if each.max_retries is None else each.max_retries,
        budget,
    )
