"""Round robin, random and least request: how often each host is picked."""

from collections import Counter

import pytest
from candidates import Peer, asked, draws
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.edf import turns, unequal_turns
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.uniform import Random
from meshio.errors import Rejected


def group(*weights: int) -> tuple[Peer, ...]:
    return tuple(Peer(f"10.0.0.{i}:80", weight) for i, weight in enumerate(weights))


def test_round_robin_takes_everyone_in_turn() -> None:
    hosts = group(1, 1, 1)
    pick = RoundRobin().over(hosts)
    first = [pick(asked()) for _ in range(3)]
    assert set(first) == set(hosts)
    assert [pick(asked()) for _ in range(3)] == first


def test_a_fleet_of_clients_does_not_begin_with_the_same_host() -> None:
    hosts = group(*[1] * 10)
    assert len({RoundRobin().over(hosts)(asked()) for _ in range(100)}) > 5


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_round_robin_gives_exactly_the_weights_in_every_period(weights: list[int]) -> None:
    hosts = group(*weights)
    picks = draws(RoundRobin().over(hosts), sum(weights) * 2)
    assert [picks[host] for host in hosts] == [weight * 2 for weight in weights]


def test_a_heavy_host_does_not_come_in_a_burst() -> None:
    turn = turns("ab", [4, 4])
    assert "".join(turn() for _ in range(8)) in ("abababab", "babababa")
    turn = turns("abc", [4, 2, 1])
    sequence = "".join(turn() for _ in range(14))
    assert "aaa" not in sequence
    assert "bb" not in sequence


@pytest.mark.parametrize("weights", [[100_003, 50_021, 25_013], [1, 9_999], [70_000, 70_001]])
def test_large_weights_keep_their_proportions(weights: list[int]) -> None:
    """Deadlines are exact: nobody is ever more than one turn away from its share."""
    turn, total = turns(range(len(weights)), weights), sum(weights)
    picks = Counter(turn() for _ in range(5_000))
    for i, weight in enumerate(weights):
        assert abs(picks[i] - 5_000 * weight / total) <= 2


def test_weights_need_not_be_whole() -> None:
    turn = unequal_turns("ab", [0.7, 0.35])
    picks = Counter(turn() for _ in range(300))
    assert abs(picks["a"] - 200) <= 2


def test_random_takes_all_alike_whatever_their_weight() -> None:
    """4,000 draws of a quarter, 5 standard deviations: fails for one seed in 400,000."""
    hosts = group(1, 1, 1, 100)
    picks = draws(Random().over(hosts), 4_000)
    assert all(863 < picks[host] < 1137 for host in hosts)


def test_a_busy_host_gets_less() -> None:
    """Both draws hit it: one time in four. 4,000 draws, 5 standard deviations."""
    busy, free = Peer("busy", inflight=9), Peer("free")
    picks = draws(LeastRequest().over((busy, free)), 4_000)
    assert 863 < picks[busy] < 1137


def test_among_equally_busy_hosts_chance_decides() -> None:
    hosts = group(3, 3)
    picks = draws(LeastRequest().over(hosts), 4_000)
    assert 1840 < picks[hosts[0]] < 2160


def test_more_choices_find_the_free_host_more_often() -> None:
    """Only when all five draws miss it, a busy host is taken: 0.8**5 = 33 %. 4,000 draws, 5 standard deviations."""
    _, *busy = hosts = (Peer("free"), *(Peer(f"b{i}", inflight=1) for i in range(4)))
    picks = draws(LeastRequest(choices=5).over(hosts), 4_000)
    assert 1162 < sum(picks[host] for host in busy) < 1460


def test_unequal_weights_take_turns_by_weight_when_nobody_is_busy() -> None:
    hosts = group(1, 3)
    picks = draws(LeastRequest().over(hosts), 400)
    assert abs(picks[hosts[1]] - 300) <= 2


def test_load_counts_against_weight() -> None:
    light, heavy = group(1, 4)
    heavy.inflight = 7  # 4 / (7 + 1) against 1 / (0 + 1): one to two
    picks = draws(LeastRequest().over((light, heavy)), 300)
    assert abs(picks[heavy] - 100) <= 2
    picks = draws(LeastRequest(bias=0.0).over((light, heavy)), 500)
    assert abs(picks[heavy] - 400) <= 2


def test_a_cluster_with_endpoints_needs_a_policy() -> None:
    with pytest.raises(Rejected, match="ORIGINAL_DST"):
        ClusterProvided().over(group(1))


def test_hosts_that_are_due_at_the_same_moment_all_get_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshio.balancing.edf.random", lambda: 0.5)
    turn = unequal_turns("abc", [1.0, 1.0, 1.0])
    assert Counter(turn() for _ in range(300)) == {"a": 100, "b": 100, "c": 100}
    hosts = group(2, 2, 1)
    picks = draws(LeastRequest().over(hosts), 500)
    assert [abs(picks[host] - share) <= 1 for host, share in zip(hosts, [200, 200, 100], strict=True)] == [True] * 3
