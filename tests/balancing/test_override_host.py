"""Requests that name their hosts. What Envoy makes of it is in the parity cases (lb_sessions.yaml)."""

import pytest
from candidates import Peer, draws

from meshio.balancing.arrange import arranged
from meshio.balancing.locality import Group, Spread, Tier
from meshio.balancing.override_host import OverrideHost
from meshio.balancing.policy import Pick
from meshio.balancing.round_robin import RoundRobin
from meshio.errors import NoHealthyHost
from meshio.message import Notes, Request
from tests.balancing.test_bounded import Cluster

A, B = Peer("10.0.0.1:80"), Peer("10.0.0.2:80")
NAMED = OverrideHost(RoundRobin(), ("x-h",))


def pick_of(*healthy: Peer) -> Pick[Peer]:
    tiers: list[Tier[Peer]] = [(Group((A, B), healthy),)]
    pick = arranged(NAMED, tiers, Spread(panic_threshold=0.0), Cluster())
    assert pick is not None
    return pick


def naming(*hosts: str) -> Request:
    return Request(b"GET", b"a", b"/", [(b"x-h", ",".join(hosts).encode())])


def test_each_draw_takes_the_next_name_that_is_there() -> None:
    pick, request = pick_of(A), naming(B.name, "1.1.1.1:1", A.name, B.name)
    assert [pick(request) for _ in range(4)] == [B, A, B, A]


def test_metadata_names_hosts_like_a_header() -> None:
    policy = OverrideHost(RoundRobin(), (("n", "k"), "x-h"))
    pick = arranged(policy, [(Group((A, B), (A,)),)], Spread(panic_threshold=0.0), Cluster())
    assert pick is not None
    request = naming(A.name)
    request.notes = Notes(metadata={"n": {"k": f"{B.name}, 1.1.1.1:1"}})
    assert [pick(request) for _ in range(2)] == [B, A]
    silent = naming(A.name)
    silent.notes = Notes(metadata={"n": {"k": [B.name]}})
    assert pick(silent) is A


def test_where_nobody_is_healthy_a_name_is_needed() -> None:
    pick = pick_of()
    assert pick(naming(A.name)) is A
    with pytest.raises(NoHealthyHost):
        pick(naming())


def test_where_nobody_knows_names_the_other_policy_decides() -> None:
    assert set(draws(NAMED.over((A, B)), 4)) == {A, B}
    nobody: list[Tier[Peer]] = [(Group((), ()),)]
    assert arranged(NAMED, nobody, Spread(), Cluster()) is None
