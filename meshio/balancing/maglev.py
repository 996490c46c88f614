"""A table of fixed size in which each candidate holds its share of places. Envoy: maglev_lb.cc, bit for bit.

Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, NSDI 2016, section 3.4.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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
        owners = tuple(candidates[i] for i in self.table(candidates, shares))
        size = self.table_size

        def pick(request: Request) -> C:
            key = request.hash
            if key is None:
                key = getrandbits(64)
            if request.passed_over:
                key ^= WORD - request.passed_over
            return owners[key % size]

        return pick

    def table(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> list[int]:
        """The index of the owner of each place. Candidates choose places in turn, in the order of their keys."""
        table, taken = [0] * self.table_size, bytearray(self.table_size)
        order = sorted(range(len(candidates)), key=lambda i: candidates[i].key)
        places = [self.free_places(candidates[i].key, taken) for i in order]
        rounds = turns_by_share([shares[i] for i in order])
        for _, turn in zip(range(self.table_size), rounds, strict=False):
            place = next(places[turn])
            taken[place] = 1
            table[place] = order[turn]
        return table

    def free_places(self, key: bytes, taken: bytearray) -> Iterator[int]:
        """A candidate's permutation of the table, without the places that are taken when it asks."""
        size = self.table_size
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
