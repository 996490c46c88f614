"""What active health checks have found out about one host. Envoy: health_checker_base_impl.cc.

A host that is to be checked is ill until it has passed for the first time; that first check decides at once,
later ones by the thresholds.
"""

from typing import Literal, TypeAlias

Change: TypeAlias = Literal["same", "pending", "changed"]
"""What a check did: nothing, a step towards a threshold, or a host that stands otherwise now."""

Failure: TypeAlias = Literal["answer", "answer to retry", "network", "timeout"]
"""A wrong answer; one that only counts as a step; no answer; none in time."""


class Checkup:
    """The state of one host. Single writer.

    failed     it did not pass, or has not yet
    degraded   it passes, but says that it should be used last
    late       it failed because it did not answer in time
    excluded   it asked to be left out of the count (`x-envoy-immediate-health-check-fail`)
    pending    it has not been checked yet, and is left out of the count until then
    leaving    the control plane has forgotten it; it stays for as long as it passes
    """

    __slots__ = ("_bad", "_first", "_good", "degraded", "excluded", "failed", "late", "leaving", "pending")

    def __init__(self, pending: bool = False) -> None:
        self.failed, self.degraded, self.late, self.excluded, self.leaving = True, False, False, False, False
        self.pending = pending
        self._first = True
        self._good = self._bad = 0

    @property
    def uncounted(self) -> bool:
        """Counts neither as healthy nor as ill."""
        return self.pending or self.excluded

    def passed(self, enough: int, degraded: bool = False) -> Change:
        """A check went well; `enough` of them in a row make an ill host well."""
        self._bad = 0
        change: Change = "same"
        if self.failed:
            self._good += not self._first
            change = "pending"
            if self._first or self._good == enough:
                self.failed = self.late = self.excluded = False
                change = "changed"
        change = self._checked(change)
        if degraded != self.degraded:
            self.degraded = degraded
            change = "changed" if change == "same" else change
        return change

    def missed(self, enough: int, why: Failure) -> Change:
        """A check failed. A wrong answer is enough by itself; of the others, `enough` in a row make a host ill."""
        self._good = 0
        change: Change = "same"
        if not self.failed:
            self._bad += why != "answer"
            change = "pending"
            if why == "answer" or self._bad == enough:
                self.failed = True
                change = "changed"
        self.late = why == "timeout" and self.failed
        return self._checked(change)

    def _checked(self, change: Change) -> Change:
        self._first = False
        if self.pending:
            self.pending = False
            return "changed"
        return change

    def __str__(self) -> str:
        if self.pending:
            return "not checked yet, and not counted until then"
        if self.failed:
            why = "did not answer in time" if self.late else "did not pass" if not self._first else "was not done yet"
            return f"its health check {why}" + (", and it is not counted" if self.excluded else "")
        return "passes its health checks" + (", degraded" if self.degraded else "")
