"""Circuit-breaker thresholds of a cluster (Envoy: `CircuitBreakers.Thresholds`)."""

from dataclasses import dataclass

UNLIMITED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries as a share of the requests under way: `max(percent of them, least)`."""

    percent: float = 20.0
    least: int = 3

    def allowed(self, requests: int) -> int:
        """How many retries may be under way beside so many requests."""
        return max(int(self.percent / 100.0 * requests), self.least)


@dataclass(frozen=True, slots=True)
class Limits:
    """Envoy's defaults. Istio sends `UNLIMITED` for each that no DestinationRule sets.

    pools      hosts that have connections at the same time (a pool for each, and for each name that TLS tells one
               host); None for no limit
    per_host   connections to each host; None for no limit. A host always gets one
    """

    connections: int = 1024
    pending: int = 1024
    requests: int = 1024
    retries: int = 3
    budget: RetryBudget | None = None
    pools: int | None = None
    per_host: int | None = None


DEFAULT_LIMITS = Limits()
