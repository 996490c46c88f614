"""Whether two samples may come from one distribution."""

import math
from collections.abc import Mapping

ERROR = 1e-6  # how often a test of two equal distributions may say that they differ
FEW = 10.0  # expected counts below this are pooled: the approximation is bad there


def differ(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Probability that equal distributions give samples as different as these, by chi-squared."""
    totals = sum(one.values()), sum(other.values())
    if not all(totals):
        return 1.0 if totals == (0, 0) else 0.0
    columns = pooled([(one.get(key, 0), other.get(key, 0)) for key in {*one, *other}], totals)
    whole = sum(totals)
    statistic = sum(
        (count - total * sum(column) / whole) ** 2 / (total * sum(column) / whole)
        for column in columns
        for count, total in zip(column, totals, strict=True)
    )
    return survival(statistic, len(columns) - 1)


def pooled(columns: list[tuple[int, int]], totals: tuple[int, int]) -> list[tuple[int, int]]:
    """Rare outcomes together, as one."""
    share = min(totals) / sum(totals)
    often = [column for column in columns if sum(column) * share >= FEW]
    rare = [column for column in columns if sum(column) * share < FEW]
    return [*often, (sum(a for a, _ in rare), sum(b for _, b in rare))] if rare else often


def survival(statistic: float, freedom: int) -> float:
    """P(chi-squared with that many degrees of freedom > statistic): the regularised upper incomplete gamma."""
    if freedom < 1 or statistic <= 0:
        return 1.0
    a, x = freedom / 2, statistic / 2
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return 1 - front * series(a, x)
    return front * fraction(a, x)


def series(a: float, x: float) -> float:
    total = term = 1 / a
    while abs(term) > abs(total) * 1e-15:
        a += 1
        term *= x / a
        total += term
    return total


def fraction(a: float, x: float) -> float:
    """Lentz's continued fraction."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    h = d
    for i in range(1, 1000):
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b or tiny)
        c = b + an / c or tiny
        h *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return h
