"""Zones: how requests are shared out by where they come from. The arithmetic is held to a slow reading of Envoy's."""

from collections import Counter

import pytest
from candidates import Peer, asked
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.locality import Group, Spread, compose
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.zone import WHOLE, Allotment, Senders, Zone, ZoneAware, allot
from meshio.errors import NoHealthyHost

SMALL = ZoneAware(least=1)


def senders(here: int = 1, there: int = 1, far: int = 0, available: float = 100.0) -> Senders:
    counts = {place: count for place, count in (("here", here), ("there", there), ("far", far)) if count}
    return Senders("here", counts, counts, {place: 10 * count for place, count in counts.items()}, available)


def zones(**hosts: int) -> list[Zone]:
    return [Zone(place, count, count) for place, count in hosts.items()]


def test_enough_hosts_at_home_take_all() -> None:
    assert allot(zones(here=3, there=3), senders(), SMALL) == Allotment(0, WHOLE, (0, 0))
    assert allot(zones(there=1, here=3), senders(1, 2), SMALL) == Allotment(1, WHOLE, (0, 0))


def test_too_few_at_home_take_what_is_fair_and_the_rest_goes_where_there_is_room() -> None:
    found = allot(zones(here=1, there=2, far=1), senders(2, 2, 1), SMALL)  # 40 40 20 send; 25 50 25 take
    assert found == Allotment(0, 6250, (0, 1000, 1500))


def test_nobody_at_home() -> None:
    found = allot(zones(there=3, far=1), senders(1, 1), SMALL)
    assert found == Allotment(None, 0, (2500, 5000))


@pytest.mark.parametrize(
    ("there", "who", "rule"),
    [
        (zones(here=9), senders(), SMALL),  # one zone only
        (zones(here=3, there=3), senders(2, 0), SMALL),  # those that send are all at home
        (zones(here=3, there=3), senders(0, 2, 2), SMALL),  # nobody sends from here: who are we?
        (zones(here=3, there=2), senders(), ZoneAware()),  # five of six
    ],
)
def test_zones_do_not_count(there: list[Zone], who: Senders, rule: ZoneAware) -> None:
    assert allot(there, who, rule) is None


def test_a_forced_zone_takes_all_as_soon_as_it_has_enough() -> None:
    forced = ZoneAware(least=1, forced=2)
    assert allot(zones(here=2, there=9), senders(2, 0), forced) == Allotment(0, WHOLE, (0, 0))
    assert allot(zones(here=1, there=9), senders(2, 1), forced) == Allotment(0, 1500, (0, 5667))


def test_weights_instead_of_numbers() -> None:
    uneven = [Zone("here", 5, 1), Zone("there", 1, 3)]
    assert allot(uneven, senders(), ZoneAware(least=1, by_weight=True)) == Allotment(0, 5000, (0, 2500))
    assert allot(uneven, senders(), SMALL) == Allotment(0, WHOLE, (0, 0))


COUNTS = st.integers(0, 9)


@given(st.lists(COUNTS, min_size=2, max_size=4), st.integers(1, 9), COUNTS, COUNTS)
def test_a_zone_that_is_drawn_is_one_that_there_is(hosts: list[int], here: int, there: int, far: int) -> None:
    names = ("here", "there", "far", "out")
    found = allot([Zone(name, n, n) for name, n in zip(names, hosts, strict=False)], senders(here, there, far), SMALL)
    if found is not None:
        assert 0 <= found.share <= WHOLE
        assert list(found.bounds) == sorted(found.bounds)
        assert all(0 <= found.draw() < len(hosts) for _ in range(20))


def tier(**hosts: int) -> tuple[Group[Peer], ...]:
    peers = {place: tuple(Peer(f"{place}{i}") for i in range(count)) for place, count in hosts.items()}
    return tuple(Group(all_of_them, all_of_them, place=place) for place, all_of_them in peers.items())


def took(spread: Spread, **hosts: int) -> Counter[str]:
    pick = compose(RoundRobin(), [tier(**hosts)], spread)
    assert pick is not None
    return Counter(pick(asked()).key.decode().rstrip("0123456789") for _ in range(1000))


def test_requests_stay_in_their_zone() -> None:
    assert took(Spread(zone_aware=SMALL, senders=senders()), here=3, there=3) == {"here": 1000}
    assert took(Spread(zone_aware=SMALL), here=2, there=2) == {"here": 500, "there": 500}  # nobody knows where we are


def test_a_share_of_the_requests_looks_at_zones() -> None:
    shares = took(Spread(zone_aware=ZoneAware(share=50, least=1), senders=senders()), here=3, there=3)
    assert 680 < shares["here"] < 820
    assert took(Spread(zone_aware=ZoneAware(share=0, least=1), senders=senders()), here=2, there=2)["there"] == 500


def test_where_too_few_that_send_are_well_zones_do_not_count() -> None:
    panic = senders(available=49.0)
    assert took(Spread(zone_aware=SMALL, senders=panic), here=2, there=2)["there"] == 500
    failing = ZoneAware(least=1, fail_on_panic=True)
    pick = compose(RoundRobin(), [tier(here=3, there=3)], Spread(zone_aware=failing, senders=panic))
    assert pick is not None
    with pytest.raises(NoHealthyHost):
        pick(asked())


def test_weights_of_localities_come_first_and_rings_know_no_zones() -> None:
    weighted = tuple(Group(g.hosts, g.healthy, weight=1, place=g.place) for g in tier(here=3, there=3))
    pick = compose(RoundRobin(), [weighted], Spread(locality_weighted=True, zone_aware=SMALL, senders=senders()))
    assert pick is not None
    assert Counter(pick(asked()).key[:4] for _ in range(100)) == {b"here": 50, b"ther": 50}
    ring = compose(RingHash(), [tier(here=3, there=3)], Spread(zone_aware=SMALL, senders=senders()))
    assert ring is not None
    assert {ring(asked(key * 2**56)).key[:4] for key in range(200)} == {b"here", b"ther"}
