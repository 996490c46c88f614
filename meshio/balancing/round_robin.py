"""Every candidate in turn, as often as its weight says. Envoy: `RoundRobinLoadBalancer`."""

from dataclasses import dataclass

from meshio.balancing.edf import turns
from meshio.balancing.least_request import lighter_turns
from meshio.balancing.policy import C, Pick
from meshio.balancing.slow_start import SlowStart
from meshio.message import Request


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """slow_start: how new candidates grow to their weight; None: they have it at once."""

    slow_start: SlowStart | None = None

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick; it begins at a random candidate."""
        weights = [candidate.weight for candidate in candidates if isinstance(candidate.weight, int)]
        if len(weights) < len(candidates):
            return lighter_turns(candidates, 0.0)
        turn = turns(candidates, weights)

        def pick(request: Request) -> C:
            return turn()

        return pick
