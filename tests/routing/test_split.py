"""Weighted choice."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.message import Request
from meshio.routing.route import Forward, WeightedCluster
from meshio.routing.split import header_number, split, split_by

DRAWS = 20_000


@pytest.mark.parametrize(
    "weights", [(80, 20), (1, 1), (1, 0, 3), (100_000, 300_001), (33, 33, 34), (999_999, 1_000_001)]
)
def test_traffic_follows_the_weights(weights):
    draw = split(list(enumerate(weights)))
    counts = Counter(draw() for _ in range(DRAWS))
    for entry, weight in enumerate(weights):
        assert abs(counts[entry] / DRAWS - weight / sum(weights)) < 0.02


def test_a_destination_without_weight_gets_nothing():
    draw = split([("off", 0), ("on", 100), ("also off", 0)])
    assert {draw() for _ in range(100)} == {"on"}


def test_nothing_to_choose_from_is_rejected():
    with pytest.raises(Rejected, match="sum of the weights"):
        Forward((WeightedCluster("off", 0),))
    with pytest.raises(Rejected, match="sum of the weights"):
        split([("off", 0)])


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5).filter(any))
def test_only_entries_with_weight_are_ever_drawn(weights):
    draw = split(list(enumerate(weights)))
    assert all(weights[draw()] > 0 for _ in range(20))


def test_the_edge_of_a_draw_belongs_to_the_next_entry(monkeypatch):
    for weights in ((8, 2), (800_001, 200_000)):
        draws = iter([0.0, 0.79, 0.81, 0.9999])
        monkeypatch.setattr("meshio.routing.split.random", lambda draws=draws: next(draws))
        draw = split(list(enumerate(weights)))
        assert [draw() for _ in range(4)] == [0, 0, 1, 1]


def test_a_number_decides_as_in_envoy():
    choose = split_by([("a", 10), ("b", 20), ("c", 0)], header_number(b"n"))
    numbers = [b"0", b"9", b"10", b"29", b"30", b"31", b"4294967296", b"18446744073709551615", b"+5", b" 5", b"05"]
    chosen = [choose(Request(b"GET", b"h", b"/", [(b"n", number)])) for number in numbers]
    assert "".join(chosen) == "aabbaabbaaa"


@pytest.mark.parametrize("values", [(), (b"",), (b"x",), (b"-1",), (b"18446744073709551616",), (b"0x5",), (b"5", b"5")])
def test_what_is_no_number_decides_nothing(values):
    request = Request(b"GET", b"h", b"/", [(b"n", value) for value in values])
    assert header_number(b"n")(request) is None
    choose = split_by([("a", 1), ("b", 1)], header_number(b"n"))
    assert {choose(request) for _ in range(100)} == {"a", "b"}


def test_an_absurd_number_is_none():
    assert header_number(b"n")(Request(b"GET", b"h", b"/", [(b"n", b"9" * 10_000)])) is None
