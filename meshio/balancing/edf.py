"""Weighted turns: every entry as often as its weight says, spread as evenly as possible.

Earliest deadline first, as in Envoy (source/common/upstream/edf_scheduler.h): an entry of weight w is due
every 1/w; the one due first is next, ties go in order. Where the weights are small whole numbers, the whole
period is laid out in advance, so that a turn costs one index. Everyone starts somewhere else, so that a
fleet of clients does not begin with the same host.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from heapq import heapify, heapreplace
from itertools import count
from math import gcd, inf, nextafter
from random import random, randrange
from typing import TypeVar

T = TypeVar("T")

LARGEST_PERIOD = 8  # times the number of entries (and 1,024 in any case): what may be laid out in advance


def turns(entries: Sequence[T], weights: Sequence[int]) -> Callable[[], T]:
    """The entries in turn. Weights are at least 1."""
    unit = reduce(gcd, weights)
    if sum(weights) // unit > max(1024, LARGEST_PERIOD * len(entries)):
        return unequal_turns(entries, weights)
    period = lay_out(entries, [weight // unit for weight in weights])
    size = len(period)
    turn = count(randrange(size)).__next__
    return lambda: period[turn() % size]


def lay_out(entries: Sequence[T], weights: Sequence[int]) -> tuple[T, ...]:
    """One period: the k-th of w copies is due at k/w."""
    if max(weights) == 1:
        return tuple(entries)
    due = sorted((k / weight, i) for i, weight in enumerate(weights) for k in range(1, weight + 1))
    return tuple(entries[i] for _, i in due)


def unequal_turns(entries: Sequence[T], weights: Sequence[float]) -> Callable[[], T]:
    """The entries in turn, for weights that are large or no whole numbers. Weights are above 0."""
    pauses = [1 / weight for weight in weights]
    owners, queue = first_deadlines(list(zip(entries, pauses, strict=True)), pauses)

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


def first_deadlines(entries: Sequence[T], pauses: Sequence[float]) -> tuple[dict[float, T], list[float]]:
    """Entries by deadline, and the heap of deadlines: floats compare faster than tuples do.

    Every entry has waited for a random part of its pause already. Deadlines that fall together are moved apart
    by the least possible difference.
    """
    owners: dict[float, T] = {}
    for entry, pause in zip(entries, pauses, strict=True):
        due = random() * pause
        while due in owners:
            due = nextafter(due, inf)
        owners[due] = entry
    queue = list(owners)
    heapify(queue)
    return owners, queue
