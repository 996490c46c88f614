"""What ring hash and Maglev have in common: whose key is hashed, which key a request has, how much a host may take.

Envoy: source/extensions/load_balancing_policies/common/thread_aware_lb_impl.cc.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from math import ceil
from random import Random, getrandbits

from meshio.balancing.hashing import HashPolicy
from meshio.balancing.policy import C, Pick
from meshio.balancing.surroundings import Surroundings
from meshio.message import Request

PORTION = 1024  # hosts between two turns of the loop
STATE = 624  # words of a Mersenne Twister
WORD = 2**32


@dataclass(frozen=True, slots=True)
class Consistency:
    """by_name    hosts are known by their host names, not by their addresses
    balance    percent of the average load that a host may have before its keys go elsewhere; 0: any
    policies   which part of a request is hashed, whatever its route says; (): the route says it
    """

    by_name: bool = False
    balance: int = 0
    policies: tuple[HashPolicy, ...] = ()

    def keys(self, candidates: tuple[C, ...]) -> tuple[bytes, ...]:
        """What is hashed of each candidate."""
        if self.by_name:
            return tuple(candidate.name_key for candidate in candidates)
        return tuple(candidate.key for candidate in candidates)

    def keying(self, candidates: tuple[C, ...]) -> Generator[None, None, tuple[bytes, ...]]:
        """The same, yielding about every millisecond."""
        found: list[bytes] = []
        for start in range(0, len(candidates), PORTION):
            if start:
                yield
            found += self.keys(candidates[start : start + PORTION])
        return tuple(found)


USUAL = Consistency()


def bounded(
    pick: Pick[C], candidates: tuple[C, ...], shares: tuple[float, ...], percent: int, cluster: Surroundings
) -> Pick[C]:
    """Let nobody have more than `percent` of its share of all requests under way (`BoundedLoadHashingLoadBalancer`).

    Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads, 2016. Whose host has enough goes on to
    others in an order that depends on the key alone; when all have, to the one that is least over its bound.
    """
    share_of = dict(zip(map(id, candidates), shares, strict=True))

    def load(candidate: C, share: float) -> float:
        slots = ((cluster.active + 1) * percent + 99) // 100
        return candidate.inflight / max(ceil(slots * share), 1)

    def elsewhere(first: C, least: float, key: int) -> C:
        best = first
        for i in shuffled(len(candidates), key):
            other = candidates[i]
            if other is first:
                continue
            weight = load(other, shares[i])
            if weight <= 1.0:
                return other
            if weight < least:
                best, least = other, weight
        return best

    def choose(request: Request) -> C:
        first = pick(request)
        weight = load(first, share_of[id(first)])
        if weight <= 1.0:
            return first
        return elsewhere(first, weight, getrandbits(32) if request.hash is None else request.hash)

    return choose


def shuffled(n: int, key: int) -> Iterator[int]:
    """The numbers below n, in the order that C++'s `mt19937` gives when it is seeded with the key."""
    order = list(range(n))
    draw = twister(key)
    for i in range(n):
        left = n - i
        part = WORD // left
        while (j := draw(32) // part) >= left:
            pass
        order[i], order[i + j] = order[i + j], order[i]
        yield order[i]


def twister(seed: int) -> Callable[[int], int]:
    """Python's own Mersenne Twister, seeded as C++ does it: from the lower 32 bits."""
    word = seed % WORD
    state = [word]
    for i in range(1, STATE):
        word = (1812433253 * (word ^ word >> 30) + i) % WORD
        state.append(word)
    source = Random()
    source.setstate((3, (*state, STATE), None))
    return source.getrandbits
