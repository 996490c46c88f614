"""A new host begins with a part of its weight and grows. Envoy: load_balancer_impl.cc, `applySlowStartFactor`."""

from dataclasses import dataclass

from meshio.balancing.policy import Policy

FIRST = 0.001  # seconds: the least age there is
TINY = 1e-6  # of its weight is what a host has whatever the settings: one with nothing would never have a turn


@dataclass(frozen=True, slots=True)
class SlowStart:
    """window      seconds until a host has its full weight
    aggression  1 grows in a straight line; above, faster at first; below, slower at first
    least       percent of its weight that a host has in any case
    """

    window: float
    aggression: float = 1.0
    least: float = 10.0

    def share(self, age: float) -> float:
        """What part of its weight a host of this age (seconds) has; 1.0 when the window is over."""
        if age >= self.window:
            return 1.0
        return float(max(TINY, self.least / 100, (max(FIRST, age) / self.window) ** (1 / self.aggression)))


def slow_start_of(policy: Policy) -> SlowStart | None:
    """How a policy treats new hosts; None: as all others. Asked of thousands of clusters in one go."""
    found = getattr(policy, "slow_start", None)
    if isinstance(found, SlowStart):
        return found
    child = getattr(policy, "child", None)
    return slow_start_of(child) if child is not None else None
