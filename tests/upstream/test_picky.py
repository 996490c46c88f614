"""Which hosts a retry would rather not have (parity topic retries holds it to Envoy)."""

import pytest

from meshio.balancing.round_robin import RoundRobin
from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.picky import Picky, picky_admission
from meshio.upstream.upstream import Upstream

CANARY = (("canary", ("bool", True)),)


def serving(*groups: tuple[Endpoint, ...]) -> Upstream:
    """One group a priority."""
    upstream = Upstream()
    localities = tuple(LocalityEndpoints(group, priority=priority) for priority, group in enumerate(groups))
    upstream.update(Cluster("a", Eds("a"), RoundRobin(), panic_threshold=0.0), LoadAssignment("a", localities))
    return upstream


def at(port: int, health: str = "healthy", labels: tuple = ()) -> Endpoint:
    return Endpoint(("10.0.0.1", port), health=health, labels=labels)


def tried(upstream: Upstream, picky: Picky, times: int) -> list[int]:
    """The ports that one request's tries go to."""
    admit, request, ports = picky_admission(upstream, upstream.admit, picky), Request(b"GET", b"a", b"/", []), []
    for _ in range(times):
        host = admit(request, 0)
        request.record.attempts += 1
        upstream.settle(host, 0, 0, 0.0, 0.0)
        ports.append(host.endpoint.address[1])
    return ports


@pytest.mark.parametrize(
    ("frequency", "ports"),
    [(1, [1, 2, 3, 1, 2, 3]), (2, [1, 1, 2, 2, 3, 3]), (3, [1, 1, 1, 2, 2, 2]), (9, [1] * 6)],
)
def test_the_priorities_of_earlier_tries_are_avoided(frequency: int, ports: list[int]) -> None:
    upstream = serving((at(1),), (at(2),), (at(3),))
    assert tried(upstream, Picky(priorities=frequency), 6) == ports


def test_a_priority_that_is_ill_is_no_way_out() -> None:
    assert tried(serving((at(1),), (at(2, "unhealthy"),)), Picky(priorities=1), 3) == [1, 1, 1]
    assert tried(serving((at(1),), (at(2, "degraded"),)), Picky(priorities=1), 3) == [1, 2, 1]


def test_what_is_known_of_priorities_is_as_new_as_the_pick() -> None:
    upstream = serving((at(1),), (at(2),))
    picky = Picky(priorities=1)
    admit, request = picky_admission(upstream, upstream.admit, picky), Request(b"GET", b"a", b"/", [])
    first = admit(request, 0)
    request.record.attempts = 1
    assert admit(request, 0).endpoint.address[1] == 2
    gone = LoadAssignment("a", (LocalityEndpoints((at(1),)),))
    upstream.update(upstream.cluster, gone)
    request.tried = (first,)
    assert admit(request, 0) is first


def test_first_tries_take_any_host_and_retries_look_for_one_that_is_wanted() -> None:
    upstream = serving((at(1, labels=CANARY), at(2, labels=CANARY), at(3)))
    for _ in range(6):
        ports = tried(upstream, Picky(attempts=9, canaries=True), 4)
        assert ports[1:] == [3, 3, 3]
    assert {tried(upstream, Picky(canaries=True), 1)[0] for _ in range(9)} == {1, 2, 3}


def test_labels_that_are_not_wanted() -> None:
    upstream = serving((at(1, labels=(("v", "1"), ("w", "2"))), at(2, labels=(("v", "1"),))))
    assert tried(upstream, Picky(attempts=9, labels=(("v", "1"), ("w", "2"))), 5)[1:] == [2, 2, 2, 2]
    everyone = tried(upstream, Picky(attempts=2, labels=()), 5)
    assert set(everyone) == {1, 2}, "nobody is wanted, and somebody has to be"


def test_several_wishes_at_once() -> None:
    upstream = serving((at(1), at(2, labels=CANARY), at(3)))
    ports = tried(upstream, Picky(attempts=30, previous=True, canaries=True), 2)
    assert ports[1] in {1, 3} - {ports[0]}


def test_nobody_is_nobody() -> None:
    with pytest.raises(NoHealthyHost):
        tried(serving((at(1, "unhealthy"),)), Picky(priorities=1), 1)
