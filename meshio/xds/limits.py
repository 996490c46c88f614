"""Circuit breakers -> `Limits`."""

from dataclasses import replace

from meshio.resilience.limits import Limits, RetryBudget
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import CircuitBreakers, CircuitBreakersThresholds
from meshio.xds.proto.envoy.config.core.v3 import RoutingPriority


def translate_limits(place: Place, breakers: CircuitBreakers | None) -> Limits:
    """The thresholds of normal priority; Envoy's defaults where none are given. High priority has no routes here."""
    if breakers is None:
        return Limits()
    found = [threshold(place.at("thresholds", index), each) for index, each in enumerate(breakers.thresholds)]
    normal = (limits for limits, each in zip(found, breakers.thresholds, strict=True) if is_normal(each))
    each_host = [
        per_host(place.at("per_host_thresholds", i), each) for i, each in enumerate(breakers.per_host_thresholds)
    ]
    hosts = (most for most, each in zip(each_host, breakers.per_host_thresholds, strict=True) if is_normal(each))
    return replace(next(normal, Limits()), per_host=next(hosts, None))


def is_normal(each: CircuitBreakersThresholds) -> bool:
    return each.priority == RoutingPriority.DEFAULT


def per_host(place: Place, each: CircuitBreakersThresholds) -> int | None:
    """The most connections to one host. Envoy takes nothing else there, and neither does this."""
    others = (each.max_pending_requests, each.max_requests, each.max_retries, each.retry_budget)
    if any(other is not None for other in others) or each.max_connection_pools is not None:
        raise place.rejected("may say max_connections only")
    return each.max_connections


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
