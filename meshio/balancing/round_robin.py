"""Every candidate in turn, as often as its weight says. Envoy: `RoundRobinLoadBalancer`."""

from dataclasses import dataclass

from meshio.balancing.edf import turning
from meshio.balancing.least_request import lighter_turns
from meshio.balancing.policy import C, Pick, Steps, finished, weights_of
from meshio.balancing.slow_start import SlowStart
from meshio.message import Request


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """slow_start: how new candidates grow to their weight; None: they have it at once."""

    slow_start: SlowStart | None = None

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick; it begins at a random candidate."""
        return finished(self.building(candidates))

    def building(self, candidates: tuple[C, ...], shares: tuple[float, ...] | None = None) -> Steps[C]:
        """The same in steps."""
        weights = yield from weights_of(candidates)
        whole = [weight for weight in weights if isinstance(weight, int)]
        if len(whole) < len(candidates):
            return (yield from lighter_turns(candidates, 0.0))
        turn = yield from turning(candidates, whole)

        def pick(request: Request) -> C:
            return turn()

        return pick
