"""A table of fixed size in which each candidate holds its share of places. Envoy: maglev_lb.cc, bit for bit.

Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, NSDI 2016, section 3.4.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, filterfalse
from random import getrandbits

from xxhash import xxh64_intdigest

from meshio.balancing.policy import C, Pick, shares_of
from meshio.message import Request

WORD = 2**64


@dataclass(frozen=True, slots=True)
class Maglev:
    """table_size: a prime, Envoy's default unless the control plane sends another."""

    table_size: int = 65537

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick for keys in proportion to the candidates' weights."""
        return self.over_shares(candidates, shares_of(candidates))

    def over_shares(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Pick[C]:
        """Build the pick. A request without a key goes anywhere; one that passes hosts over takes another place."""
        owners = tuple(map(candidates.__getitem__, self.table(candidates, shares)))
        size = self.table_size

        def pick(request: Request) -> C:
            key = request.hash
            if key is None:
                key = getrandbits(64)
            if request.passed_over:
                key ^= WORD - request.passed_over
            return owners[key % size]

        return pick

    def table(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Sequence[int]:
        """The index of the owner of each place."""
        return lay_out(tuple(candidate.key for candidate in candidates), shares, self.table_size)


@lru_cache(maxsize=16)
def lay_out(keys: tuple[bytes, ...], shares: tuple[float, ...], size: int) -> Sequence[int]:
    """Candidates choose places in turn, in the order of their keys.

    It takes 40 ms and more, so that a table is remembered for when the same hosts are back: after an ejection,
    and after an update that changed something else.
    """
    table, taken = array("L", bytes(array("L").itemsize * size)), bytearray(size)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    places = [free_places(keys[i], taken) for i in order]
    rounds = turns_by_share([shares[i] for i in order])
    for _, turn in zip(range(size), rounds, strict=False):
        place = next(places[turn])
        taken[place] = 1
        table[place] = order[turn]
    return table


def free_places(key: bytes, taken: bytearray) -> Iterator[int]:
    """A candidate's permutation of the table, without the places that are taken when it asks."""
    size = len(taken)
    offset, skip = xxh64_intdigest(key) % size, xxh64_intdigest(key, 1) % (size - 1) + 1
    # built-ins all the way: this runs some 700,000 times for a full table
    return filterfalse(taken.__getitem__, map(size.__rmod__, count(offset, skip)))


def turns_by_share(shares: list[float]) -> Iterator[int]:
    """Whose turn it is: the largest share every round, the others when they have waited long enough."""
    largest, targets = max(shares), [0.0] * len(shares)
    for iteration in count(1):
        for i, share in enumerate(shares):
            if iteration * share >= targets[i]:
                targets[i] += largest
                yield i
