"""What is under way at one cluster in one priority, and how much may be. Envoy: resource_manager_impl.h.

A request counts as under way from when it has its connection until its exchange is over; before that, it is pending.
"""

from dataclasses import dataclass

from meshio.errors import Overloaded
from meshio.resilience.limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Remaining:
    """How many more there may be of each now; never below 0. Envoy's `remaining_cx`, `_pending`, `_rq`, `_retries`."""

    connections: int
    pending: int
    requests: int
    retries: int


class Breaker:
    """The circuit breaker of a cluster for requests of one priority.

    active        requests under way; `most` bounds it, which is `limits.requests`
    pending       requests that wait for a connection; `limits.pending` bounds it
    connections   open or being made; `limits.connections` bounds it
    pools         that have any connection; `limits.pools` bounds it
    retries       under way; `limits.retries` or the budget bounds it

    `transport` counts the first four, retries count themselves. `elsewhere`: requests are counted by the clusters that
    this one is made of, and only its retries here.
    """

    __slots__ = ("active", "connections", "elsewhere", "limits", "most", "name", "pending", "pools", "retries")

    def __init__(self, *, elsewhere: bool = False) -> None:
        self.elsewhere = elsewhere
        self.active = self.pending = self.connections = self.pools = self.retries = 0
        self.limit("", DEFAULT_LIMITS)

    def limit(self, name: str, limits: Limits) -> None:
        """Take over the limits of a cluster; what is under way stays."""
        self.name, self.limits, self.most = name, limits, limits.requests

    def crowded(self) -> Overloaded:
        """Why a request that has a connection does not go out."""
        return Overloaded(f"cluster {self.name!r} has {self.active} requests under way, as many as it may")

    def queue(self) -> None:
        """Count in a request that waits; who waits no more takes one off `pending`. Raises Overloaded."""
        if self.pending >= self.limits.pending:
            raise Overloaded(f"{self.name}: {self.pending} requests wait for a connection already")
        self.pending += 1

    def start_retry(self, counted: bool = False) -> bool:
        """Count a retry in, if there may be one more; `end_retry` counts it out.

        `counted` says whether the request that wants it is among those under way still; to a budget, it is (as Envoy
        counts).
        """
        if self.retries >= self._allowed(not counted and not self.elsewhere):
            return False
        self.retries += 1
        return True

    def end_retry(self) -> None:
        self.retries -= 1

    def _allowed(self, more: int = 0) -> int:
        """Retries that may be under way, where a budget counts `more` requests beside those that are."""
        budget = self.limits.budget
        return self.limits.retries if budget is None else budget.allowed(self.active + self.pending + more)

    @property
    def remaining(self) -> Remaining:
        """Worked out now: nothing has to be tracked for it (`track_remaining`)."""
        limits = self.limits
        return Remaining(
            max(0, limits.connections - self.connections),
            max(0, limits.pending - self.pending),
            max(0, limits.requests - self.active),
            max(0, self._allowed() - self.retries),
        )
