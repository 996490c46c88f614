"""Circuit breakers -> `Limits` of both priorities."""

from dataclasses import replace

from meshio.resilience.limits import Limits, RetryBudget
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import CircuitBreakers, CircuitBreakersThresholds
from meshio.xds.proto.envoy.config.core.v3 import RoutingPriority


def translate_breakers(place: Place, breakers: CircuitBreakers | None) -> tuple[Limits, Limits]:
    """The limits of normal and of high priority; Envoy's defaults where none are given."""
    if breakers is None:
        return Limits(), Limits()
    found = [(each, threshold(place.at("thresholds", i), each)) for i, each in enumerate(breakers.thresholds)]
    for i, each in enumerate(breakers.per_host_thresholds):
        is_high(place.at("per_host_thresholds", i), each.priority)
    return (
        limits_of(place, breakers, found, RoutingPriority.DEFAULT),
        limits_of(place, breakers, found, RoutingPriority.HIGH),
    )


def limits_of(
    place: Place,
    breakers: CircuitBreakers,
    found: list[tuple[CircuitBreakersThresholds, Limits]],
    priority: RoutingPriority,
) -> Limits:
    """What the first thresholds of a priority say."""
    limits = next((limits for each, limits in found if each.priority == priority), Limits())
    for i, each in enumerate(breakers.per_host_thresholds):
        if each.priority == priority:
            return replace(limits, per_host=per_host(place.at("per_host_thresholds", i), each))
    return limits


def is_high(place: Place, priority: RoutingPriority) -> bool:
    """Raises Rejected for a priority that does not exist."""
    if priority not in (RoutingPriority.DEFAULT, RoutingPriority.HIGH):
        raise place.rejected("is unknown", "priority")
    return priority == RoutingPriority.HIGH


def per_host(place: Place, each: CircuitBreakersThresholds) -> int | None:
    """The most connections to one host. Envoy takes nothing else there, and neither does this."""
    others = (each.max_pending_requests, each.max_requests, each.max_retries, each.retry_budget)
    if any(other is not None for other in others) or each.max_connection_pools is not None:
        raise place.rejected("may say max_connections only")
    return each.max_connections


def threshold(place: Place, each: CircuitBreakersThresholds) -> Limits:
    is_high(place, each.priority)
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
        each.max_connection_pools,
    )
