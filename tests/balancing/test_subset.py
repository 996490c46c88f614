"""Endpoints by their labels. What Envoy makes of each setting is in the parity cases (lb_subset.yaml)."""

from collections.abc import Sequence

import pytest
from candidates import Peer, asked, draws
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.arrange import arrange, arranged, reads_keys
from meshio.balancing.labels import Labels
from meshio.balancing.locality import Group, Spread, Tier
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Pick
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart, slow_start_of
from meshio.balancing.subset import Selector, Subset
from meshio.errors import NoHealthyHost
from meshio.message import Request
from tests.balancing.test_bounded import Cluster

CALM = Spread(panic_threshold=0.0)


def peer(name: str, **labels: object) -> Peer:
    return Peer(name, labels=tuple(sorted(labels.items())))  # type: ignore[arg-type]


def pick_of(policy: Subset, hosts: Sequence[Peer], healthy: Sequence[Peer] | None = None) -> Pick[Peer]:
    tiers: list[Tier[Peer]] = [(Group(tuple(hosts), tuple(hosts if healthy is None else healthy)),)]
    pick = arranged(policy, tiers, CALM, Cluster())
    assert pick is not None
    return pick


def wanting(**labels: object) -> Request:
    request = asked()
    request.wanted = tuple(sorted(labels.items()))
    return request


BY_VERSION = Subset(RoundRobin(), (Selector(("v",)),))
A, B, C = peer("a", v="1"), peer("b", v="2"), peer("c", v="2")


def test_a_request_goes_to_a_host_with_its_labels() -> None:
    pick = pick_of(BY_VERSION, (A, B, C))
    assert pick(wanting(v="1")) is A
    assert {pick(wanting(v="2")) for _ in range(4)} == {B, C}
    for nobody in (wanting(v="3"), wanting(), asked(), wanting(v="1", w="1")):
        with pytest.raises(NoHealthyHost):
            pick(nobody)


def test_a_subset_is_not_left_for_the_health_of_others() -> None:
    pick = pick_of(Subset(RoundRobin(), (Selector(("v",)),), "any"), (A, B, C), healthy=(B, C))
    with pytest.raises(NoHealthyHost):
        pick(wanting(v="1"))
    assert pick(wanting(v="9")) in (B, C)


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), min_size=1),
)
def test_whoever_is_picked_has_the_labels_and_whoever_has_them_is_found(
    labels: list[dict[str, str]], wanted: dict[str, str]
) -> None:
    hosts = [peer(str(number), **each) for number, each in enumerate(labels)]
    policy = Subset(RoundRobin(), tuple(Selector(keys) for keys in (("a",), ("b",), ("a", "b"))))
    pick = pick_of(policy, hosts)
    fit = {host for host in hosts if wanted.items() <= dict(host.labels).items()}
    if fit:
        assert {pick(wanting(**wanted)) for _ in range(len(fit))} == fit
    else:
        with pytest.raises(NoHealthyHost):
            pick(wanting(**wanted))


def test_all_hosts_are_one_subset_where_nobody_knows_labels() -> None:
    assert set(draws(BY_VERSION.over((A, B, C)), 6)) == {A, B, C}


def test_nobody_is_picked_where_nobody_is() -> None:
    nobody: list[Tier[Peer]] = [(Group((), ()),)]
    assert arranged(BY_VERSION, nobody, CALM, Cluster()) is None


def test_what_the_policy_within_wants_is_seen_from_outside() -> None:
    gentle = SlowStart(5.0)
    assert slow_start_of(Subset(Subset(RoundRobin(gentle)))) is gentle
    assert reads_keys(Subset(Maglev()))
    assert not reads_keys(BY_VERSION)


def test_labels_of_every_kind_are_told_apart() -> None:
    kinds: list[Labels] = [(("v", label),) for label in ("1", ("number", 1.0), ("bool", True), ("null", None))]
    hosts = [Peer(str(number), labels=labels) for number, labels in enumerate(kinds)]
    pick = pick_of(BY_VERSION, hosts)
    for host, labels in zip(hosts, kinds, strict=True):
        request = asked()
        request.wanted = labels
        assert pick(request) is host


def test_hosts_of_a_subset_keep_their_order_whatever_else_they_are_labelled_with() -> None:
    hosts = [peer(str(n), v="12"[n % 2], w=str(n % 7)) for n in range(40)]
    pick = pick_of(BY_VERSION, hosts)
    picked = [pick(wanting(v="2")) for _ in range(40)]
    first = hosts.index(picked[0])
    assert picked[: (40 - first + 1) // 2] == hosts[first::2]


def test_a_subset_of_one_host_is_the_first_of_the_first_priority() -> None:
    policy = Subset(RoundRobin(), (Selector(("v",), single=True),))
    ill, well = (A, peer("d", v="2")), (B, C, peer("e", v="1"))
    tiers: list[Tier[Peer]] = [(Group((), ()), Group(ill, ())), (Group(well, well),)]
    pick = arranged(policy, tiers, CALM, Cluster())
    assert pick is not None
    assert {pick(wanting(v="1")) for _ in range(5)} == {A}
    assert {pick(wanting(v="2")) for _ in range(5)} == {ill[1]}


def test_what_does_not_count_in_a_cluster_does_not_count_in_its_subsets() -> None:
    """Two of three hosts drain: the third is all there is, and no reason to panic."""
    hosts = (A, B, C)
    tiers: list[Tier[Peer]] = [(Group(hosts, (C,), (), 0, (A, B)),)]
    pick = arranged(BY_VERSION, tiers, Spread(panic_threshold=60.0), Cluster())
    assert pick is not None
    assert {pick(wanting(v="2")) for _ in range(9)} == {C}


@pytest.mark.parametrize("kinds", [1, 1500])
def test_many_hosts_are_sorted_in_steps(kinds: int) -> None:
    hosts = tuple(peer(str(n), v="1", w=str(n % kinds)) for n in range(1500))
    tiers: list[Tier[Peer]] = [(Group(hosts[:700], hosts[:700]), Group(hosts[700:], hosts[700:]))]
    steps = BY_VERSION.arranging(tiers, CALM, lambda some, how: arrange(RoundRobin(), some, how, Cluster()))
    taken = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            pick = done.value
            break
        taken += 1
    assert (taken == 1) if kinds == 1 else (taken > 10)
    assert {pick(wanting(v="1")) for _ in range(1500)} == set(hosts)
