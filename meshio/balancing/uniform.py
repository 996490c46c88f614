"""Any candidate, all alike. Envoy: `RandomLoadBalancer`; weights do not count there either."""

from dataclasses import dataclass
from random import random

from meshio.balancing.policy import C, Pick
from meshio.message import Request


@dataclass(frozen=True, slots=True)
class Random:
    """Every candidate as often as any other."""

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick."""
        n = len(candidates)

        def pick(request: Request) -> C:
            return candidates[int(random() * n)]

        return pick
