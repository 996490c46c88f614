"""Ring hash and Maglev, against tables that Envoy 1.40 built (vectors.json)."""

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from candidates import Peer, asked, draws
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from meshio.balancing.consistent import USUAL
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import ConsistentPolicy, Policy, finished, shares_of
from meshio.balancing.ring_hash import OWNER, RingHash
from meshio.balancing.round_robin import RoundRobin

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
HOSTS = tuple(Peer(key, weight) for key, weight in VECTORS["hosts"])
BOTH = pytest.mark.parametrize("policy", [RingHash(), Maglev()], ids=["ring", "maglev"])


def name(host: Peer) -> str:
    return host.key.decode()


def digest(told: str) -> str:
    """Of a whole ring or table; their beginnings are there to be read."""
    return sha256(told.encode()).hexdigest()


def places(ring: RingHash, hosts: tuple[Peer, ...]) -> list[tuple[int, int]]:
    """Hashes and owners, in the order of the ring."""
    return [divmod(place, OWNER + 1) for place in sorted(ring.places(USUAL.keys(hosts), shares_of(hosts)))]


def table(hosts: tuple[Peer, ...]) -> Sequence[int]:
    places: Sequence[int] = finished(Maglev().table(hosts, shares_of(hosts)))  # type: ignore[arg-type, assignment]
    return places


@pytest.mark.parametrize(("text", "expected"), VECTORS["xxh64"].items())
def test_the_hash_is_envoys(text: str, expected: str) -> None:
    assert xxh64_intdigest(text.encode()) == int(expected)


def test_the_ring_is_envoys() -> None:
    ring = places(RingHash(VECTORS["ring_min"]), HOSTS)
    assert [[str(place), name(HOSTS[i])] for place, i in ring[:5]] == VECTORS["ring_first"]
    assert len(ring) == 1024
    assert Counter(i for _, i in ring) == {0: 256, 1: 256, 2: 512}
    assert digest("".join(f"{place}:{name(HOSTS[i])};" for place, i in ring)) == VECTORS["ring_sha"]


def test_the_maglev_table_is_envoys() -> None:
    places = table(HOSTS)
    assert [name(HOSTS[i])[-4:] for i in places[:16]] == VECTORS["maglev_first"]
    assert Counter(places) == {0: 16385, 1: 16385, 2: 32767}
    assert digest(";".join(name(HOSTS[i]) for i in places)) == VECTORS["maglev_sha"]


def test_a_host_that_returns_finds_its_table_as_it_was() -> None:
    before = table(HOSTS)
    assert table(HOSTS[1:]) != before
    assert table(HOSTS) is before


def test_the_size_of_the_ring_follows_the_lightest_host() -> None:
    """ceil(1/1001 * 1024) / (1/1001) places: two for the light one."""
    hosts = (Peer("light"), Peer("heavy", 1000))
    owners = Counter(i for _, i in places(RingHash(), hosts))
    assert owners[0] == 2
    assert sum(owners.values()) == 2002
    bounded = len(places(RingHash(maximum=1500), hosts))
    assert bounded in (1500, 1501)  # float sums, as in Envoy


@given(st.integers(0, 2**64 - 1))
def test_a_key_belongs_to_the_next_place_on_the_ring(key: int) -> None:
    ring = places(RingHash(), HOSTS)
    expected = next((i for place, i in ring if place >= key), ring[0][1])
    assert PICK_RING(asked(key)) is HOSTS[expected]


PICK_RING = RingHash().over(HOSTS)


@BOTH
def test_a_key_always_goes_to_the_same_host(policy: Policy) -> None:
    one, two = policy.over(HOSTS), policy.over(HOSTS)
    for user in range(50):
        key = xxh64_intdigest(b"%d" % user)
        assert one(asked(key)) is two(asked(key))


@BOTH
def test_requests_without_a_key_go_anywhere_by_weight(policy: Policy) -> None:
    """4,000 draws of a half, 5 standard deviations and 3 % for an uneven ring."""
    picks = draws(policy.over(HOSTS), 4_000)
    assert 1720 < picks[HOSTS[2]] < 2280


@BOTH
def test_a_host_that_is_passed_over_hands_its_keys_to_others(policy: Policy) -> None:
    pick, request = policy.over(HOSTS), asked(42)
    found = set()
    for tries in range(20):
        request.passed_over = tries
        found.add(pick(request))
    assert found == set(HOSTS)


@BOTH
def test_few_keys_move_when_a_host_leaves(policy: Policy) -> None:
    hosts = tuple(Peer(f"10.0.0.{i}:80") for i in range(10))
    before, after = policy.over(hosts), policy.over(hosts[1:])
    keys = [xxh64_intdigest(b"%d" % user) for user in range(1000)]
    moved = [key for key in keys if before(asked(key)) is not after(asked(key))]
    stayed_home = [key for key in moved if before(asked(key)) is not hosts[0]]
    assert len(stayed_home) < 60


@BOTH
def test_consistent_policies_span_localities(policy: Policy) -> None:
    assert isinstance(policy, ConsistentPolicy)
    assert not isinstance(RoundRobin(), ConsistentPolicy)
