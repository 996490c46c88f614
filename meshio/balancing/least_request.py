"""The candidate with fewer requests in flight. Envoy: least_request_lb.cc.

Among equal weights a few are drawn at random, with replacement, and the least loaded of them is taken: two
draws already avoid the herd that "always the least loaded" creates (Mitzenmacher, The Power of Two Choices
in Randomized Load Balancing, 2001). With unequal weights the candidates take turns, each with its weight
divided by the load that it has when its turn comes.
"""

from dataclasses import dataclass
from heapq import heapreplace
from math import inf, nextafter
from random import random

from meshio.balancing.edf import first_deadlines
from meshio.balancing.policy import PORTION, C, Pick, Steps, finished, weights_of
from meshio.balancing.slow_start import SlowStart
from meshio.message import Request

ENOUGH = 40  # draws for each candidate miss one of them once in e^40 times


@dataclass(frozen=True, slots=True)
class LeastRequest:
    """choices      how many are drawn
    bias         how much load counts against weight: 0 not at all, Envoy's default 1
    slow_start   how new candidates grow to their weight; None: they have it at once
    full_scan    look at all of them instead of a few: costs a look at each for every request
    """

    choices: int = 2
    bias: float = 1.0
    slow_start: SlowStart | None = None
    full_scan: bool = False

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick."""
        return finished(self.building(candidates))

    def building(self, candidates: tuple[C, ...], shares: tuple[float, ...] | None = None) -> Steps[C]:
        """The same in steps."""
        weights = yield from weights_of(candidates)
        if len(set(weights)) > 1 or float in set(map(type, weights)):
            return (yield from lighter_turns(candidates, self.bias))
        if len(candidates) == 1:
            (only,) = candidates
            return lambda request: only
        if self.full_scan or self.choices > ENOUGH * len(candidates):
            return least_of_all(candidates)
        return least_of_two(candidates) if self.choices == 2 else least_of(candidates, self.choices)


def least_of_two(candidates: tuple[C, ...]) -> Pick[C]:
    n = len(candidates)

    def pick(request: Request) -> C:
        first, second = candidates[int(random() * n)], candidates[int(random() * n)]
        return second if second.inflight < first.inflight else first

    return pick


def least_of(candidates: tuple[C, ...], choices: int) -> Pick[C]:
    n, more = len(candidates), range(choices - 1)

    def pick(request: Request) -> C:
        best = candidates[int(random() * n)]
        for _ in more:
            other = candidates[int(random() * n)]
            if other.inflight < best.inflight:
                best = other
        return best

    return pick


def least_of_all(candidates: tuple[C, ...]) -> Pick[C]:
    """Any of those that have the least to do."""

    def pick(request: Request) -> C:
        loads = [candidate.inflight for candidate in candidates]
        least = min(loads)
        chosen = int(random() * loads.count(least))
        return [candidate for candidate, load in zip(candidates, loads, strict=True) if load == least][chosen]

    return pick


def lighter_turns(candidates: tuple[C, ...], bias: float) -> Steps[C]:
    """Earliest deadline first; how soon a candidate is due again depends on its weight and load at this moment."""
    now: list[float] = []
    for start in range(0, len(candidates), PORTION):
        if start:
            yield
        some = candidates[start : start + PORTION]
        now += [candidate.weight / (candidate.inflight + 1) ** bias for candidate in some]
    owners, queue = yield from first_deadlines(candidates, now)

    def pick(request: Request) -> C:
        due = queue[0]
        candidate = owners.pop(due)
        due += (candidate.inflight + 1) ** bias / candidate.weight
        while due in owners:
            due = nextafter(due, inf)
        owners[due] = candidate
        heapreplace(queue, due)
        return candidate

    return pick
