"""Circuit-breaker thresholds of a cluster (Envoy: `CircuitBreakers.Thresholds`)."""

from dataclasses import dataclass

UNLIMITED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries as a share of active requests: `max(percent of active + pending, least)`."""

    percent: float = 20.0
    least: int = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Envoy's defaults. Istio sends `UNLIMITED` for each that no DestinationRule sets."""

    connections: int = 1024
    pending: int = 1024
    requests: int = 1024
    retries: int = 3
    budget: RetryBudget | None = None


DEFAULT_LIMITS = Limits()
