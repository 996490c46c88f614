"""A table of fixed size in which each candidate holds its share of places. Envoy: maglev_lb.cc, bit for bit.

Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, NSDI 2016, section 3.4.
"""

from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, filterfalse, islice
from math import isqrt
from random import getrandbits
from typing import TypeAlias

from xxhash import xxh64_intdigest

from meshio.balancing.consistent import USUAL, Consistency
from meshio.balancing.policy import C, Pick, Steps, finished, shares_of, weighing
from meshio.message import Request

WORD = 2**64
PORTION = 512  # places between two turns of the loop: less than a millisecond
SORTED = 1024  # of the last places that are sorted in one go
RUN = 2048  # candidates that are sorted in one go
PROBES = 4096  # looks at places between two turns of the loop
COPIES = 16384  # places that are copied in one go
KEPT = 16  # tables that are remembered

Recipe: TypeAlias = tuple[tuple[bytes, ...], tuple[float, ...], int]


@dataclass(frozen=True, slots=True)
class Maglev:
    """table_size: a prime, Envoy's default unless the control plane sends another."""

    table_size: int = 65537
    consistency: Consistency = USUAL

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick for keys in proportion to the candidates' weights."""
        return self.over_shares(candidates, shares_of(candidates))

    def over_shares(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Pick[C]:
        """Build the pick in one go."""
        return finished(self.building(candidates, shares))

    def building(self, candidates: tuple[C, ...], shares: tuple[float, ...] | None = None) -> Steps[C]:
        """Build the pick. A request without a key goes anywhere; one that passes hosts over takes another place."""
        table = yield from self.table(candidates, shares or (yield from weighing(candidates)))
        owners: list[C] = []
        for start in range(0, self.table_size, COPIES):
            owners.extend(map(candidates.__getitem__, table[start : start + COPIES]))
            yield
        size = self.table_size

        def pick(request: Request) -> C:
            key = request.hash
            if key is None:
                key = getrandbits(64)
            if request.passed_over:
                key ^= WORD - request.passed_over
            return owners[key % size]

        return pick

    def table(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Generator[None, None, Sequence[int]]:
        """The index of the owner of each place.

        It takes 20 ms and more, so that a table is remembered for when the same hosts are back: after an ejection,
        and after an update that changed something else.
        """
        keys = yield from self.consistency.keying(candidates)
        recipe = (keys, shares, self.table_size)
        yield
        known = TABLES.pop(recipe, None)
        table = (yield from lay_out(*recipe)) if known is None else known
        TABLES[recipe] = table
        if len(TABLES) > KEPT:
            del TABLES[next(iter(TABLES))]
        return table


TABLES: dict[Recipe, Sequence[int]] = {}
"""The latest tables, the one that was asked for last at the end."""


def lay_out(keys: tuple[bytes, ...], shares: tuple[float, ...], size: int) -> Generator[None, None, Sequence[int]]:
    """Candidates choose places in turn, in the order of their keys."""
    table, taken = array("L", bytes(array("L").itemsize * size)), bytearray(size)
    order = yield from in_order(keys)
    places: list[Iterator[int]] = []
    for start in range(0, len(order), PORTION):
        yield
        places += [free_places(keys[i], taken) for i in order[start : start + PORTION]]
    rounds = turns_by_share([shares[i] for i in order])
    free, few = size, last_places(size, len(keys))
    while free > few:
        portion = max(1, min(PORTION, PROBES * free // size, free - few))  # the fewer are free, the longer one looks
        for turn in islice(rounds, portion):
            place = next(places[turn])
            taken[place] = 1
            table[place] = order[turn]
        free -= portion
        yield
    left, known = list(untaken(taken)), dict[int, Iterator[int]]()
    sorted_before = 0
    for turn in islice(rounds, free):
        if turn not in known:
            sorted_before += len(left)
            if sorted_before > SORTED:
                sorted_before = len(left)
                yield
            known[turn] = filterfalse(taken.__getitem__, ranked(keys[order[turn]], left, size))
        place = next(known[turn])
        taken[place] = 1
        table[place] = order[turn]
    while places:  # thousands of iterators take a while to go, too
        yield
        del places[-PORTION:]
    return table


def last_places(size: int, candidates: int) -> int:
    """How few places are found faster by sorting them for each candidate than by trying them in turn."""
    return max(isqrt(size) // 3, min(SORTED, size // (3 * candidates)))


def in_order(keys: tuple[bytes, ...]) -> Generator[None, None, list[int]]:
    """Candidates by key. Sorted runs are merged by the sort itself, faster than it would find their order."""
    order: list[int] = []
    for start in range(0, len(keys), RUN):
        if start:
            yield
        order += sorted(range(start, min(start + RUN, len(keys))), key=keys.__getitem__)
    order.sort(key=keys.__getitem__)
    return order


def free_places(key: bytes, taken: bytearray) -> Iterator[int]:
    """A candidate's permutation of the table, without the places that are taken when it asks."""
    size = len(taken)
    offset, skip = stride(key, size)
    # built-ins all the way: this runs some 700,000 times for a full table
    return filterfalse(taken.__getitem__, map(size.__rmod__, count(offset, skip)))


def untaken(taken: bytearray) -> Iterator[int]:
    at = taken.find(0)
    while at >= 0:
        yield at
        at = taken.find(0, at + 1)


def ranked(key: bytes, places: Sequence[int], size: int) -> Iterator[int]:
    """Some places in the order of a candidate's permutation."""
    offset, skip = stride(key, size)
    back = pow(skip, -1, size)
    ranks = sorted([(place - offset) * back % size for place in places])
    return ((offset + rank * skip) % size for rank in ranks)


def stride(key: bytes, size: int) -> tuple[int, int]:
    """The first place of a candidate's permutation, and how far the next one is."""
    return xxh64_intdigest(key) % size, xxh64_intdigest(key, 1) % (size - 1) + 1


def turns_by_share(shares: list[float]) -> Iterator[int]:
    """Whose turn it is: the largest share every round, the others when they have waited long enough."""
    largest = max(shares)
    if min(shares) == largest:
        return cycle(range(len(shares)))
    return unequal_rounds(shares, largest)


def unequal_rounds(shares: list[float], largest: float) -> Iterator[int]:
    """Each candidate sleeps until its round: looking at all of them every round takes seconds when one is heavy."""
    targets = [0.0] * len(shares)
    rounds = {1: list(range(len(shares)))}
    for now in count(1):
        for i in sorted(rounds.pop(now, ())):
            yield i
            targets[i] += largest
            rounds.setdefault(round_of(shares[i], targets[i], now + 1), []).append(i)


def round_of(share: float, target: float, earliest: int) -> int:
    """The first round, from the earliest on, in which a share adds up to the target: in floats, as Envoy adds."""
    found = max(earliest, int(target / share))
    while found > earliest and not (found - 1) * share < target:
        found -= 1
    while found * share < target:
        found += 1
    return found
