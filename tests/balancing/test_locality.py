"""Priorities, panic and locality weights. The numbers are Envoy's documentation's and its code's."""

from collections import Counter

import pytest
from candidates import Peer, asked, draws
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.locality import Group, Loads, Spread, Tier, compose, spread_loads
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.uniform import Random
from meshio.errors import NoHealthyHost

NEVER_PANIC = Spread(panic_threshold=0)


def group(hosts: int, healthy: int, degraded: int = 0, weight: int = 0, name: str = "h") -> Group[Peer]:
    all_of_them = tuple(Peer(f"{name}{i}") for i in range(hosts))
    return Group(all_of_them, all_of_them[:healthy], all_of_them[healthy : healthy + degraded], weight)


def tiers(*healthy: int, of: int = 100) -> list[Tier[Peer]]:
    return [(group(of, count, name=f"p{p}-"),) for p, count in enumerate(healthy)]


@pytest.mark.parametrize(
    ("healthy", "loads"),
    [
        ((100, 100), (100, 0)),
        ((72, 72), (100, 0)),
        ((71, 71), (99, 1)),
        ((50, 50), (70, 30)),
        ((50, 0), (100, 0)),
        ((25, 100), (35, 65)),
        ((25, 25), (50, 50)),
        ((5, 65), (8, 92)),
        ((0, 100), (0, 100)),
        ((20, 20, 10), (40, 40, 20)),
        ((10, 10, 11), (34, 32, 34)),
    ],
)
def test_load_spills_over_when_a_priority_has_too_few_healthy_hosts(
    healthy: tuple[int, ...], loads: tuple[int, ...]
) -> None:
    assert spread_loads(tiers(*healthy), NEVER_PANIC).healthy == loads


def test_degraded_hosts_take_what_healthy_ones_cannot() -> None:
    loads = spread_loads([(group(100, 50, 50),), (group(100, 0, 100),)], NEVER_PANIC)
    assert loads == Loads((70, 0), (30, 0), (False, False))
    loads = spread_loads([(group(100, 0, 30),)], NEVER_PANIC)
    assert loads == Loads((0,), (100,), (False,))


def test_overprovisioning_is_the_control_planes_to_choose() -> None:
    assert spread_loads(tiers(72, 72), Spread(overprovisioning=100, panic_threshold=0)).healthy == (72, 28)


@pytest.mark.parametrize(
    ("healthy", "threshold", "loads", "panic"),
    [
        ((49, 10), 50.0, (50, 50), (True, True)),
        ((0, 0), 50.0, (50, 50), (True, True)),
        ((0, 0), 0.0, (100, 0), (False, False)),
        ((60, 20), 50.0, (84, 16), (False, False)),
        ((55, 10), 50.0, (85, 15), (False, True)),
        ((49, 60), 50.0, (68, 32), (False, False)),
        ((30, 0), 20.0, (100, 0), (False, True)),
    ],
)
def test_panic(healthy: tuple[int, ...], threshold: float, loads: tuple[int, ...], panic: tuple[bool, ...]) -> None:
    result = spread_loads(tiers(*healthy), Spread(panic_threshold=threshold))
    assert (result.healthy, result.panic) == (loads, panic)


def test_in_general_panic_load_goes_by_the_number_of_hosts() -> None:
    loads = spread_loads([(group(1, 0),), (group(2, 0),), ()], Spread())
    assert loads.healthy == (34, 66, 0)
    assert spread_loads([(), ()], Spread()).healthy == (100, 0)


counts = st.integers(0, 12)
any_group = st.tuples(counts, counts, counts).map(
    lambda n: group(sum(n), n[0], n[1], weight=1),
)


@given(st.lists(any_group, min_size=1, max_size=4), st.sampled_from([0.0, 50.0, 100.0]))
def test_all_load_goes_somewhere_and_only_to_hosts_that_may_take_it(
    groups: list[Group[Peer]], threshold: float
) -> None:
    spread = Spread(panic_threshold=threshold)
    layers: list[Tier[Peer]] = [(each,) for each in groups]
    loads = spread_loads(layers, spread)
    assert sum(loads.healthy) + sum(loads.degraded) == 100
    pick = compose(Random(), layers, spread)
    fit = {host for each in groups for host in (*each.healthy, *each.degraded)}
    if pick is None:
        assert not fit
        assert threshold == 0 or not any(each.hosts for each in groups)
        return
    picked = set(draws(pick, 50))
    assert picked <= fit or any(loads.panic)


def test_nobody_can_be_picked_without_hosts() -> None:
    assert compose(RoundRobin(), [()], Spread()) is None
    assert compose(RoundRobin(), tiers(0, 0), NEVER_PANIC) is None


def test_in_panic_unhealthy_hosts_are_used() -> None:
    pick = compose(RoundRobin(), tiers(1, of=4), Spread())
    assert pick is not None
    assert len(draws(pick, 8)) == 4


def test_requests_fail_over_in_proportion() -> None:
    """10,000 draws of 30 %, 5 standard deviations."""
    layers = tiers(50, 100)
    pick = compose(Random(), layers, NEVER_PANIC)
    assert pick is not None
    second = set(layers[1][0].hosts)
    assert 2771 < sum(n for host, n in draws(pick, 10_000).items() if host in second) < 3229


def test_degraded_hosts_are_picked_last() -> None:
    layers: list[Tier[Peer]] = [(group(10, 5, 5),)]
    pick = compose(Random(), layers, NEVER_PANIC)
    assert pick is not None
    picks = draws(pick, 2_000)
    assert 498 < sum(picks[host] for host in layers[0][0].degraded) < 702


def test_a_key_decides_the_priority_as_well_as_the_host() -> None:
    layers = tiers(50, 100)
    pick = compose(RingHash(), layers, NEVER_PANIC)
    assert pick is not None
    assert pick(asked(69)) in layers[0][0].hosts
    assert pick(asked(70)) in layers[1][0].hosts
    assert pick(asked(170)) in layers[1][0].hosts


def test_localities_take_load_by_weight_not_by_size() -> None:
    near, far = group(10, 10, weight=3, name="near"), group(2, 2, weight=1, name="far")
    pick = compose(RoundRobin(), [(near, far)], Spread(locality_weighted=True))
    assert pick is not None
    picks = draws(pick, 400)
    assert abs(sum(picks[host] for host in far.hosts) - 100) <= 1
    unweighted = compose(RoundRobin(), [(near, far)], Spread())
    assert unweighted is not None
    assert sum(draws(unweighted, 120)[host] for host in far.hosts) == 20


def test_an_ailing_locality_loses_weight() -> None:
    """1.4 * 1/2 of its weight is left: 0.7 of 1.7. Half of all hosts are fit in it; nobody panics."""
    ill, well = group(2, 1, weight=1, name="ill"), group(8, 8, weight=1, name="well")
    pick = compose(RoundRobin(), [(ill, well)], Spread(locality_weighted=True))
    assert pick is not None
    assert abs(draws(pick, 1700)[ill.hosts[0]] - 700) <= 2


def test_localities_without_weight_or_hosts_take_nothing() -> None:
    weighted = Spread(locality_weighted=True)
    light, none, empty = group(2, 2, weight=1, name="a"), group(2, 2, name="b"), group(0, 0, weight=5)
    for policy in (RoundRobin(), RingHash()):
        pick = compose(policy, [(light, none, empty)], weighted)
        assert pick is not None
        assert set(draws(pick, 200)) == set(light.hosts)


def test_without_any_weights_localities_do_not_count() -> None:
    a, b = group(2, 2, name="a"), group(2, 2, name="b")
    pick = compose(RoundRobin(), [(a, b)], Spread(locality_weighted=True))
    assert pick is not None
    assert len(draws(pick, 4)) == 4


def test_in_panic_locality_weights_do_not_count() -> None:
    a, b = group(4, 1, weight=1, name="a"), group(4, 0, weight=9, name="b")
    pick = compose(RoundRobin(), [(a, b)], Spread(locality_weighted=True))
    assert pick is not None
    assert set(draws(pick, 8).values()) == {1}


def test_weights_of_localities_without_fit_hosts_leave_the_others_alone() -> None:
    """No locality with weight has a fit host: health decides, not weight (Envoy: no locality is chosen)."""
    a, b = group(3, 3, name="a"), group(1, 0, weight=9, name="b")
    pick = compose(RoundRobin(), [(a, b)], Spread(locality_weighted=True))
    assert pick is not None
    assert set(draws(pick, 9)) == set(a.hosts)


def test_a_ring_spans_localities_by_their_weights() -> None:
    """Shares of 3/4 and 1/4 of the keys; 4,000 draws, 5 standard deviations and 3 % for an uneven ring."""
    near, far = group(2, 2, weight=3, name="near"), group(4, 4, weight=1, name="far")
    pick = compose(RingHash(), [(near, far)], Spread(locality_weighted=True))
    assert pick is not None
    assert 743 < sum(draws(pick, 4_000)[host] for host in far.hosts) < 1257


def test_a_ring_without_any_weighted_host_has_nobody() -> None:
    weightless, ill = group(4, 4, name="a"), group(1, 0, weight=1, name="b")
    spread = Spread(panic_threshold=0, locality_weighted=True)
    assert compose(RingHash(), [(weightless, ill)], spread) is None
    pick = compose(RingHash(), [(weightless, ill, group(7, 0)), (group(2, 2, weight=1, name="c"),)], spread)
    assert pick is not None
    with pytest.raises(NoHealthyHost):
        pick(asked(0))
    assert pick(asked(99)).key.startswith(b"c")


@pytest.mark.parametrize("policy", [RoundRobin(), Random(), RingHash()])
def test_one_healthy_priority_costs_nothing_extra(policy: Policy) -> None:
    layers: list[Tier[Peer]] = [(group(3, 3),)]
    pick = compose(policy, layers, Spread())
    assert pick is not None
    assert pick.__qualname__.startswith(type(policy).__name__)
    assert set(Counter(draws(pick, 200))) == set(layers[0][0].hosts)
