"""Weighted turns: every entry as often as its weight says, spread as evenly as possible.

Earliest deadline first, as in Envoy (source/common/upstream/edf_scheduler.h): an entry of weight w is due
every 1/w; the one due first is next. Of those due at the same moment the one that has waited longest comes first,
which is the lighter one; equals keep their order. Where the weights are small whole numbers, the whole
period is laid out in advance, so that a turn costs one index. Everyone starts somewhere else, so that a
fleet of clients does not begin with the same host.
"""

from collections.abc import Callable, Generator, Sequence
from heapq import heapify, heapreplace
from itertools import count
from math import gcd, inf, nextafter
from random import random, randrange
from typing import TypeVar

from meshio.balancing.policy import PORTION, finished

T = TypeVar("T")

LARGEST_PERIOD = 8  # times the number of entries (and 1,024 in any case): what may be laid out in advance
PERIODS = 1024  # of the lightest entry, in which the start is drawn
APART = 1e-9  # of the shortest pause, between deadlines that fall together


def turns(entries: Sequence[T], weights: Sequence[int]) -> Callable[[], T]:
    """The entries in turn. Weights are at least 1."""
    return finished(turning(entries, weights))


def turning(entries: Sequence[T], weights: Sequence[int]) -> Generator[None, None, Callable[[], T]]:
    """The same, yielding about every millisecond."""
    unit = gcd(*weights)
    if sum(weights) // unit > max(1024, LARGEST_PERIOD * len(entries)):
        return (yield from unequal_turning(entries, weights))
    if len(entries) > PORTION:
        yield
    period = lay_out(entries, [weight // unit for weight in weights])
    size = len(period)
    turn = count(randrange(size)).__next__
    return lambda: period[turn() % size]


def lay_out(entries: Sequence[T], weights: Sequence[int]) -> tuple[T, ...]:
    """One period: the k-th of w copies is due at k/w, together with those of all entries of that weight."""
    if max(weights) == 1:
        return tuple(entries)
    equals: dict[int, list[T]] = {weight: [] for weight in weights}
    for entry, weight in zip(entries, weights, strict=True):
        equals[weight].append(entry)
    period: list[T] = []
    for _, weight in sorted((k / each, each) for each in equals for k in range(1, each + 1)):
        period += equals[weight]
    return tuple(period)


def unequal_turns(entries: Sequence[T], weights: Sequence[float]) -> Callable[[], T]:
    """The entries in turn, for weights that are large or no whole numbers. Weights are above 0."""
    return finished(unequal_turning(entries, weights))


def unequal_turning(entries: Sequence[T], weights: Sequence[float]) -> Generator[None, None, Callable[[], T]]:
    """The same, yielding about every millisecond."""
    pairs = [(entry, 1 / weight) for entry, weight in zip(entries, weights, strict=True)]
    if len(pairs) > PORTION:
        yield
    owners, queue = yield from first_deadlines(pairs, weights)

    def turn() -> T:
        due = queue[0]
        owner = owners.pop(due)
        entry, pause = owner
        due += pause
        while due in owners:
            due = nextafter(due, inf)
        owners[due] = owner
        heapreplace(queue, due)
        return entry

    return turn


def first_deadlines(
    entries: Sequence[T], weights: Sequence[float]
) -> Generator[None, None, tuple[dict[float, T], list[float]]]:
    """Entries by deadline, and the heap of deadlines: floats compare faster than tuples do. In steps.

    They are those of a random moment: whoever was due before has had its turns. Deadlines that fall together are
    kept apart by next to nothing, in the order in which they are to be served.
    """
    moment = random() * PERIODS / min(weights)
    apart = APART / max(weights)
    lightest_first = sorted(range(len(entries)), key=weights.__getitem__)
    owners: dict[float, T] = {}
    for start in range(0, len(entries), PORTION):
        if start:
            yield
        for rank, i in enumerate(lightest_first[start : start + PORTION], start):
            weight = weights[i]
            due = (int(moment * weight) + 1) / weight + rank * apart
            while due in owners:  # equal as floats: apart by the least possible difference, in their order
                due = nextafter(due, inf)
            owners[due] = entries[i]
    queue = list(owners)
    heapify(queue)
    return owners, queue
