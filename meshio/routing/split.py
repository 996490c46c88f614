"""One of several destinations by weight. Envoy: config_impl.cc, `WeightedClusterEntry`."""

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from math import gcd
from random import random
from typing import TypeVar

from meshio.errors import Rejected
from meshio.matching.header import decimal
from meshio.message import Request

T = TypeVar("T")
LARGEST_TABLE = 1024  # copies; beyond it, cumulative sums are searched


def split(entries: list[tuple[T, int]]) -> Callable[[], T]:
    """Compile a draw: entry i with probability weight i / sum of weights. Zero weights are never drawn.

    Raises Rejected when nothing is left to draw from (a `Forward` cannot come to that).
    """
    live = [(entry, weight) for entry, weight in entries if weight > 0]
    if not live:
        raise Rejected("weighted_clusters", "weight", "the sum of the weights must not be 0")
    if len(live) == 1:
        only = live[0][0]
        return lambda: only
    return small(live) if reduced_total(live) <= LARGEST_TABLE else large(live)


def split_by(entries: list[tuple[T, int]], number: Callable[[Request], int | None]) -> Callable[[Request], T]:
    """The same, but that a number of the request decides where it has one: two equal numbers get the same entry."""
    live = [(entry, weight) for entry, weight in entries if weight > 0]
    draw, table, sums = split(live), [entry for entry, _ in live], list(accumulate(weight for _, weight in live))

    def choose(request: Request) -> T:
        value = number(request)
        return draw() if value is None else table[bisect_right(sums, value % sums[-1])]

    return choose


def header_number(name: bytes) -> Callable[[Request], int | None]:
    """The number that a header holds, if it is there once and holds a whole number of at most 64 bits."""

    def number(request: Request) -> int | None:
        values = [value for key, value in request.headers if key == name]
        value = decimal(values[0]) if len(values) == 1 else None
        return value if value is not None and 0 <= value < 1 << 64 else None

    return number


def reduced_total(entries: list[tuple[T, int]]) -> int:
    """The sum of the weights in lowest terms: 50/50 needs a table of 2, not of 100."""
    weights = [weight for _, weight in entries]
    return sum(weights) // gcd(*weights)


def small(entries: list[tuple[T, int]]) -> Callable[[], T]:
    """A table of copies: one draw, one index."""
    unit = gcd(*(weight for _, weight in entries))
    table = tuple(entry for entry, weight in entries for _ in range(weight // unit))
    size = len(table)
    return lambda: table[int(random() * size)]


def large(entries: list[tuple[T, int]]) -> Callable[[], T]:
    """The first entry whose cumulative weight is strictly above the draw."""
    table = tuple(entry for entry, _ in entries)
    sums = list(accumulate(weight for _, weight in entries))
    total = sums[-1]
    return lambda: table[bisect_right(sums, int(random() * total))]
