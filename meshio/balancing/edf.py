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
from math import gcd
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
    order = count().__next__
    queue = [(random() / weight, order(), 1 / weight, entry) for entry, weight in zip(entries, weights, strict=True)]
    heapify(queue)

    def turn() -> T:
        due, _, pause, entry = queue[0]
        heapreplace(queue, (due + pause, order(), pause, entry))
        return entry

    return turn
