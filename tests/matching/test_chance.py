"""Chance: the share of the requests, and one draw for all routes."""

from collections import Counter

from meshio.matching import RuntimeFraction
from tests.matching.asked import request


def test_a_fraction_takes_its_share() -> None:
    """10,000 draws of 25 %: more than 4.5 standard deviations off fails once in 150,000 runs."""
    test = RuntimeFraction(25).test()
    assert 2305 < sum(test(request()) for _ in range(10_000)) < 2695
    assert not RuntimeFraction(0).test()(request())
    assert RuntimeFraction(1_000_000, 1_000_000).test()(request())


def test_one_draw_decides_every_fraction_of_a_request() -> None:
    first, second = RuntimeFraction(50).test(), RuntimeFraction(50).test()
    pairs = Counter((first(each), second(each)) for each in [request() for _ in range(200)])
    assert set(pairs) == {(True, True), (False, False)}


def test_fractions_say_what_they_ask() -> None:
    assert str(RuntimeFraction(5)) == "chance is 5 in 100"
