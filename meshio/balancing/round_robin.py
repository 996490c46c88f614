"""Every candidate in turn, as often as its weight says. Envoy: `RoundRobinLoadBalancer`."""

from dataclasses import dataclass

from meshio.balancing.edf import turns
from meshio.balancing.policy import C, Pick
from meshio.message import Request


@dataclass(frozen=True, slots=True)
class RoundRobin:
    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick; it begins at a random candidate."""
        turn = turns(candidates, [candidate.weight for candidate in candidates])

        def pick(request: Request) -> C:
            return turn()

        return pick
