"""Delay and abort on purpose (Envoy: `envoy.filters.http.fault`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fraction:
    """`numerator` out of `denominator` (100, 10_000 or 1_000_000), Envoy's FractionalPercent."""

    numerator: int
    denominator: int = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """A delay (seconds), an abort (HTTP status), each for a share of the requests. Delay comes first."""

    delay: float | None = None
    delay_share: Fraction = Fraction(0)
    abort: int | None = None
    abort_share: Fraction = Fraction(0)
