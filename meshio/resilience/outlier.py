"""Ejection of hosts that fail. Envoy: source/extensions/outlier_detection (outlier_detection_impl.cc).

`OutlierDetection` is the value, `Outliers` the live detector of one cluster, `Streaks` what it remembers
of one host. What is far from usual says `rates.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from random import random
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from meshio.resilience.rates import BELOW_OTHERS, TOO_OFTEN, FailurePercentage, Rate, SuccessRate, Tally

EJECTED = attrgetter("ejected")
Origin: TypeAlias = Literal[0, 1, 2, 3]
ANSWERED: Origin = 0
"""The host answered; the status is its own."""
UNCONNECTED: Origin = 1
"""There was no connection."""
BROKEN: Origin = 2
"""There was one, and no answer came over it."""
LATE: Origin = 3
"""The answer, which has been counted, broke off."""


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """Durations in seconds, shares in percent (0 to 100). Defaults are Envoy's.

    unejects   an active health check that succeeds brings a host back before its time
    """

    consecutive_5xx: int = 5
    enforcing_consecutive_5xx: int = 100
    consecutive_gateway_failure: int = 5
    enforcing_consecutive_gateway_failure: int = 0
    consecutive_local_origin_failure: int = 5
    enforcing_consecutive_local_origin_failure: int = 100
    split_external_local_origin_errors: bool = False
    interval: float = 10.0
    base_ejection_time: float = 30.0
    max_ejection_time: float = 300.0
    max_ejection_time_jitter: float = 0.0
    max_ejection_percent: int = 10
    always_eject_one_host: bool = False
    success_rate: SuccessRate = BELOW_OTHERS
    failure_percentage: FailurePercentage = TOO_OFTEN
    unejects: bool = True

    @property
    def rated(self) -> bool:
        """Whether rates can eject anybody, so that successes have to be counted."""
        found = (self.success_rate, self.failure_percentage)
        local = self.split_external_local_origin_errors
        return any(each.enforcing or (local and each.enforcing_local) for each in found)


class Streaks:
    """Failures in a row of one host, by detector, its rates, and its past ejections.

    backoff   how many base ejection times the next ejection lasts, less one
    returns   when the present ejection ends, at the earliest
    answers, connections   what rates are made of
    """

    __slots__ = ("answers", "backoff", "connections", "errors", "gateway", "local", "returns")

    def __init__(self) -> None:
        self.errors = self.gateway = self.local = 0
        self.backoff = 0
        self.returns = 0.0
        self.answers = Tally()
        self.connections = Tally()

    def forget(self) -> None:
        """After an ejection a host starts afresh; only its back-off is remembered."""
        self.errors = self.gateway = self.local = 0


class Watched(Protocol):
    """What the detector has to know about a host, and the one thing it changes."""

    ejected: bool
    streaks: Streaks | None


W = TypeVar("W", bound=Watched)


class Outliers(Generic[W]):
    """The detector of one cluster. Single writer; `now` is any monotonic clock in seconds.

    went   hosts that the last sweep has ejected
    """

    __slots__ = ("_due", "_rated", "ejected", "hosts", "settings", "went")

    def __init__(self, settings: OutlierDetection) -> None:
        self.settings = settings
        self.hosts: frozenset[W] = frozenset()
        self.ejected = 0
        self.went: tuple[W, ...] = ()
        self._due: float | None = None
        self._rated = settings.rated

    def watch(self, hosts: Iterable[W]) -> None:
        """Take over the cluster's hosts after an update."""
        self.hosts = frozenset(hosts)
        self.ejected = sum(map(EJECTED, self.hosts))

    def observe(self, host: W, status: int, origin: Origin, now: float) -> bool:
        """One outcome: an HTTP status; where `origin` is not ANSWERED, that of our own failure (503, timeout 504).

        True when the host was ejected just now.
        """
        if self.settings.split_external_local_origin_errors:
            ejected = self._observe_origin(host, origin, now)
            if origin:
                return ejected
        streaks = host.streaks
        if streaks is None:
            if status < 500 and not self._rated:
                return False
            streaks = streaks_of(host)
        if self._rated:
            streaks.answers.add(status < 500)
        if status < 500:
            streaks.errors = streaks.gateway = 0
            return False
        return self._observe_error(host, status, now)

    def _observe_origin(self, host: W, origin: Origin, now: float) -> bool:
        """A connection that is made counts as a success, whatever comes over it, and ends the row of failures."""
        if origin in (ANSWERED, BROKEN):
            if self._rated:
                streaks_of(host).connections.add(success=True)
            if host.streaks is not None:
                host.streaks.local = 0
        if origin is ANSWERED:
            return False
        settings, streaks = self.settings, streaks_of(host)
        streaks.connections.add(success=False)
        streaks.local += 1
        if streaks.local != settings.consecutive_local_origin_failure:
            return False
        streaks.local = 0
        return self._eject(host, settings.enforcing_consecutive_local_origin_failure, now)

    def _observe_error(self, host: W, status: int, now: float) -> bool:
        settings, streaks, ejected = self.settings, streaks_of(host), False
        streaks.errors += 1
        streaks.gateway = streaks.gateway + 1 if 502 <= status <= 504 else 0
        if streaks.gateway == settings.consecutive_gateway_failure:
            streaks.gateway = 0
            ejected = self._eject(host, settings.enforcing_consecutive_gateway_failure, now)
        if streaks.errors == settings.consecutive_5xx:
            streaks.errors = 0
            ejected = self._eject(host, settings.enforcing_consecutive_5xx, now) or ejected
        return ejected

    def _eject(self, host: W, enforcing: int, now: float) -> bool:
        if host.ejected or host not in self.hosts or not self._may_eject() or random() * 100 >= enforcing:
            return False
        settings, streaks = self.settings, streaks_of(host)
        longest = max(settings.max_ejection_time, settings.base_ejection_time)
        if settings.base_ejection_time * streaks.backoff < longest + settings.base_ejection_time:
            streaks.backoff += 1
        lasts = min(settings.base_ejection_time * streaks.backoff, longest)
        streaks.returns = now + lasts + random() * settings.max_ejection_time_jitter
        host.ejected = True
        self.ejected += 1
        return True

    def _may_eject(self) -> bool:
        if self.ejected == 0 and self.settings.always_eject_one_host:
            return True
        return 100 * (self.ejected + 1) <= self.settings.max_ejection_percent * len(self.hosts)

    def sweep(self, now: float) -> bool:
        """Once per interval: hosts whose time is over return, those whose rate is bad go, the others' records improve.

        True if any returned or went.
        """
        self.went = ()
        if now < self.due(now):
            return False
        self._due = now + self.settings.interval
        returned = [host for host in self.hosts if self._returns(host, now)]
        for host in returned:
            self.restore(host)
        if self._rated:
            self._sweep_rates(now)
        return bool(self.went or returned)

    def restore(self, host: W) -> None:
        """Let a host that is ejected return."""
        host.ejected = False
        streaks_of(host).forget()
        self.ejected -= 1

    def _sweep_rates(self, now: float) -> None:
        rare, often = self.settings.success_rate, self.settings.failure_percentage
        for rates, local in ((self._rates(local=False), False), (self._rates(local=True), True)):
            if len(self.hosts) < min(rare.minimum_hosts, often.minimum_hosts):
                continue
            for rule in (rare, often):
                enforcing = rule.enforcing_local if local else rule.enforcing
                self.went += tuple(host for host in rule.found(rates) if self._eject(host, enforcing, now))

    def _rates(self, *, local: bool) -> list[tuple[W, Rate]]:
        """Of the interval that ends, without the hosts that are ejected."""
        found = []
        for host in self.hosts:
            if (streaks := host.streaks) is None:
                continue
            rate = (streaks.connections if local else streaks.answers).take()
            if rate is not None and not host.ejected:
                found.append((host, rate))
        return found

    def due(self, now: float) -> float:
        """When `sweep` has something to do next. The first interval begins with the first call."""
        if self._due is None:
            self._due = now + self.settings.interval
        return self._due

    @staticmethod
    def _returns(host: W, now: float) -> bool:
        streaks = host.streaks
        if streaks is None:
            return False
        if host.ejected:
            return streaks.returns <= now
        streaks.backoff = max(0, streaks.backoff - 1)
        return False


def streaks_of(host: Watched) -> Streaks:
    """What is remembered of a host, from its first failure on: most hosts never fail."""
    if host.streaks is None:
        host.streaks = Streaks()
    return host.streaks
