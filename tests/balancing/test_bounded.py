"""Bounded loads and other kinds of rings and tables, against where Envoy 1.40 sent the same requests (routed.json).

`held` are requests of one key that all stay under way; `routed` are requests of the keys u0 to u59, by the last digit
of the port of the host that got each.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from candidates import Peer, asked
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from meshio.balancing.arrange import arrange
from meshio.balancing.consistent import Consistency, bounded, shuffled
from meshio.balancing.hashing import HashPolicy, Key
from meshio.balancing.locality import Group, Spread, Tier
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Pick, Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin

ROUTED = json.loads((Path(__file__).parent / "routed.json").read_text())
KINDS = {"RING_HASH": RingHash, "MAGLEV": Maglev}


class Cluster:
    """Counts its requests, and says that the method is what is hashed of each."""

    def __init__(self) -> None:
        self.active = 0

    def key(self, policies: tuple[HashPolicy, ...]) -> Key:
        return lambda request: xxh64_intdigest(request.method)


def peers(weights: list[int], names: str = "") -> tuple[Peer, ...]:
    named = names or " " * len(weights)
    return tuple(Peer(f"127.0.0.1:{19101 + i}", weight, name=named[i]) for i, weight in enumerate(weights))


def arranged(
    policy: Policy, *groups: Group[Peer], cluster: Cluster | None = None, weighted: bool = False
) -> Pick[Peer]:
    tiers: list[Tier[Peer]] = [groups]
    steps = arrange(policy, tiers, Spread(locality_weighted=weighted), cluster or Cluster())
    while True:
        try:
            next(steps)
        except StopIteration as done:
            pick: Pick[Peer] = done.value
            return pick


def ports(pick: Pick[Peer]) -> str:
    return "".join(pick(asked(xxh64_intdigest(b"u%d" % i))).key.decode()[-1] for i in range(60))


@pytest.mark.parametrize("case", ROUTED["held"], ids=lambda case: f"{case['policy']} {case['factor']}")
def test_nobody_gets_more_than_its_bound(case: dict[str, Any]) -> None:
    hosts, cluster = peers(case["weights"]), Cluster()
    policy = KINDS[case["policy"]](consistency=Consistency(balance=case["factor"]))
    pick = arranged(policy, Group(hosts, hosts), cluster=cluster)
    found = []
    for _ in case["hosts"]:
        host = pick(asked(xxh64_intdigest(case["key"].encode())))
        host.inflight += 1
        cluster.active += 1
        found.append(host.key.decode().rpartition(":")[2])
    assert found == case["hosts"]


def test_when_all_have_too_much_the_one_least_over_its_bound_gets_more() -> None:
    """Retries and requests that ended elsewhere can have it so. Bounds are 1 each; 4, 2 and 3 are over it."""
    hosts = peers([1, 1, 1])
    for host, load in zip(hosts, (4, 2, 3), strict=True):
        host.inflight = load
    pick = bounded(lambda request: hosts[0], hosts, (1 / 3,) * 3, 100, Cluster())
    assert pick(asked(7)) is hosts[1]
    assert pick(asked()) is hosts[1]


@given(st.integers(1, 40), st.integers(0, 2**64 - 1))
def test_everyone_is_probed_once_in_an_order_of_the_lower_half_of_the_key(n: int, key: int) -> None:
    order = list(shuffled(n, key))
    assert sorted(order) == list(range(n))
    assert order == list(shuffled(n, key % 2**32))


def test_murmur_rings_are_envoys() -> None:
    hosts = peers([1, 1, 2])
    assert ports(RingHash(murmur=True).over(hosts)) == ROUTED["routed"]["murmur"]


@pytest.mark.parametrize(("policy", "kind"), [(RingHash, "names ring"), (Maglev, "names maglev")])
def test_host_names_count_where_they_are_to(policy: type[RingHash | Maglev], kind: str) -> None:
    hosts = peers([1, 1, 2], "abc")
    assert ports(policy(consistency=Consistency(by_name=True)).over(hosts)) == ROUTED["routed"][kind]


@pytest.mark.parametrize(("policy", "kind"), [(RingHash(), "weights ring"), (Maglev(), "weights maglev")])
def test_uneven_weights_are_envoys(policy: Policy, kind: str) -> None:
    assert ports(policy.over(peers([7, 1, 200, 33]))) == ROUTED["routed"][kind]


@pytest.mark.parametrize(("policy", "kind"), [(RingHash(), "localities RING_HASH"), (Maglev(), "localities MAGLEV")])
def test_weights_of_localities_and_hosts_are_envoys(policy: Policy, kind: str) -> None:
    near, far = peers([1, 3, 5, 7])[:2], peers([1, 3, 5, 7])[2:]
    pick = arranged(policy, Group(near, near, weight=3), Group(far, far, weight=7), weighted=True)
    assert ports(pick) == ROUTED["routed"][kind]


def test_a_cluster_may_say_itself_what_is_hashed() -> None:
    hosts = peers([1, 1, 1])
    own = arranged(Maglev(consistency=Consistency(policies=("method",))), Group(hosts, hosts))  # type: ignore[arg-type]
    assert own(asked(1)) is own(asked(2)) is Maglev().over(hosts)(asked(xxh64_intdigest(b"GET")))


def test_nobody_is_picked_where_nobody_is() -> None:
    assert arranged(RingHash(), Group((), ())) is None
    assert arranged(RoundRobin(), Group((), ())) is None
