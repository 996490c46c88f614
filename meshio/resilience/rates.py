"""Which hosts fail more often than the others. Envoy: outlier_detection_impl.cc, `processSuccessRateEjections`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

H = TypeVar("H")


class Tally:
    """What became of one host's requests since the last interval began."""

    __slots__ = ("successes", "total")

    def __init__(self) -> None:
        self.total = self.successes = 0

    def add(self, success: bool) -> None:
        self.total += 1
        self.successes += success

    def take(self) -> "Rate | None":
        """Share and number, and start anew; None when there was nothing."""
        total, successes = self.total, self.successes
        self.total = self.successes = 0
        return Rate(successes * 100.0 / total, total) if total else None


@dataclass(frozen=True, slots=True)
class Rate:
    """`percent` of `volume` requests succeeded."""

    percent: float
    volume: int


@dataclass(frozen=True, slots=True)
class SuccessRate:
    """Eject hosts whose success rate is far below the mean.

    minimum_hosts, request_volume   how many hosts need how many requests in an interval for that to mean anything
    factor                          thousandths of a standard deviation that are far
    enforcing, enforcing_local      percent of such findings that eject: of answers, of connections
    """

    minimum_hosts: int = 5
    request_volume: int = 100
    factor: int = 1900
    enforcing: int = 100
    enforcing_local: int = 100

    def found(self, rates: Sequence[tuple[H, Rate]]) -> list[H]:
        """The hosts that are outliers among these."""
        valid = [(host, rate.percent) for host, rate in rates if rate.volume >= self.request_volume]
        if not valid or len(valid) < self.minimum_hosts:
            return []
        mean = sum(percent for _, percent in valid) / len(valid)
        deviation = sqrt(sum((percent - mean) ** 2 for _, percent in valid) / len(valid))
        threshold = mean - deviation * (self.factor / 1000)
        return [host for host, percent in valid if percent < threshold]


@dataclass(frozen=True, slots=True)
class FailurePercentage:
    """Eject hosts of which at least `threshold` percent of the requests fail; the rest as in `SuccessRate`."""

    threshold: int = 85
    minimum_hosts: int = 5
    request_volume: int = 50
    enforcing: int = 0
    enforcing_local: int = 0

    def found(self, rates: Sequence[tuple[H, Rate]]) -> list[H]:
        """The hosts that fail too often."""
        valid = [(host, rate.percent) for host, rate in rates if rate.volume >= self.request_volume]
        if not valid or len(valid) < self.minimum_hosts:
            return []
        return [host for host, percent in valid if 100.0 - percent >= self.threshold]


BELOW_OTHERS = SuccessRate()
TOO_OFTEN = FailurePercentage()
"""What Envoy does by itself."""
UNRATED = SuccessRate(enforcing=0, enforcing_local=0)
"""Nobody is ejected for a rate: what Istio says."""
