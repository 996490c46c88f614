"""New hosts begin with a part of their weight."""

import pytest
from candidates import Peer, draws
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart, slow_start_of

GENTLE = SlowStart(10.0)


@pytest.mark.parametrize(
    ("slow_start", "age", "share"),
    [
        (SlowStart(10.0), 0.0, 0.1),
        (SlowStart(10.0), 1.0, 0.1),
        (SlowStart(10.0), 5.0, 0.5),
        (SlowStart(10.0), 10.0, 1.0),
        (SlowStart(10.0), 99.0, 1.0),
        (SlowStart(10.0, aggression=2.0), 2.5, 0.5),
        (SlowStart(10.0, aggression=0.5), 5.0, 0.25),
        (SlowStart(10.0, least=60.0), 5.0, 0.6),
        (SlowStart(10.0, least=0.0), 0.0, 0.0001),
    ],
)
def test_the_share_grows_as_in_envoy(slow_start: SlowStart, age: float, share: float) -> None:
    assert slow_start.share(age) == pytest.approx(share)


@given(st.floats(0.001, 900), st.floats(0.01, 100), st.floats(0, 100), st.floats(0, 1000), st.floats(0, 1000))
def test_a_share_never_shrinks_and_is_never_nothing(
    window: float, aggression: float, least: float, one: float, two: float
) -> None:
    slow_start = SlowStart(window, aggression, least)
    younger, older = slow_start.share(min(one, two)), slow_start.share(max(one, two))
    assert 0 < younger <= older <= 1


@pytest.mark.parametrize("policy", [RoundRobin(GENTLE), LeastRequest(slow_start=GENTLE)])
def test_a_weight_that_grows_counts_as_it_is_at_each_pick(policy: Policy) -> None:
    old, new = Peer("old"), Peer("new")
    new.weight = 0.1
    pick = policy.over((old, new))
    assert abs(draws(pick, 1100)[new] - 100) <= 2
    new.weight = 0.5
    assert abs(draws(pick, 300)[new] - 100) <= 8  # it waits for the turn that it was given before
    new.weight = 1.0
    assert abs(draws(pick, 300)[new] - 150) <= 2


def test_among_new_hosts_of_one_age_nobody_is_preferred() -> None:
    hosts = tuple(Peer(str(number), weight) for number, weight in enumerate([0.1, 0.1, 0.1]))
    for policy in (RoundRobin(GENTLE), LeastRequest(slow_start=GENTLE)):
        picks = draws(policy.over(hosts), 300)
        assert all(abs(picks[host] - 100) <= 2 for host in hosts)


def test_whose_policy_is_gentle() -> None:
    assert slow_start_of(RoundRobin(GENTLE)) is slow_start_of(LeastRequest(slow_start=GENTLE)) is GENTLE
    assert slow_start_of(RoundRobin()) is slow_start_of(Maglev()) is None
