"""New hosts of a cluster grow to their weight, as time goes by."""

from collections import Counter

import pytest

from meshio.balancing.least_request import LeastRequest
from meshio.balancing.policy import Policy
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.message import Request
from meshio.resilience.outlier import OutlierDetection
from meshio.upstream.cluster import Cluster, Eds, OriginalDestination
from meshio.upstream.endpoint import Endpoint, Health, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

GENTLE = SlowStart(6.0)
# What Envoy 1.40 gave the third host, of 300 requests, at this age in seconds. Window 6 s, round robin.
SEEN = [(0.27, 14), (0.97, 24), (1.87, 43), (3.1, 63), (4.3, 81), (5.5, 95), (6.7, 100)]


def cluster(policy: Policy | None = None, **settings: object) -> Cluster:
    values = {"name": "a", "discovery": Eds("a"), "policy": policy or RoundRobin(GENTLE), "panic_threshold": 0.0}
    return Cluster(**{**values, **settings})  # type: ignore[arg-type]


def at(number: int, health: Health = "unknown", weight: int = 1) -> Endpoint:
    return Endpoint((f"10.0.0.{number}", 80), weight, health)


def these(*endpoints: Endpoint) -> LoadAssignment:
    return LoadAssignment("a", (LocalityEndpoints(endpoints),))


def share(upstream: Upstream, number: int, of: int = 300) -> int:
    """How many of so many requests a host gets."""
    request, found = Request(b"GET", b"a", b"/", []), Counter[str]()
    for _ in range(of):
        host = upstream.admit(request)
        found[host.name] += 1
        upstream.settle(host, 200, False, 0.0, 0.0)
    return found[f"10.0.0.{number}:80"]


def grown(*endpoints: Endpoint, policy: Policy | None = None, **settings: object) -> Upstream:
    """An upstream whose hosts have their full weight at time 100."""
    upstream = Upstream()
    upstream.update(cluster(policy, **settings), these(*endpoints))
    upstream.sweep(0.0)
    upstream.sweep(100.0)
    return upstream


@pytest.mark.parametrize("policy", [RoundRobin(GENTLE), LeastRequest(slow_start=GENTLE)])
def test_a_new_host_gets_what_envoy_gives_it(policy: Policy) -> None:
    upstream = grown(at(1), at(2), policy=policy)
    upstream.update(cluster(policy), these(at(1), at(2), at(3)))
    upstream.sweep(100.0)
    for age, seen in SEEN:
        upstream.sweep(100.0 + age)
        tolerance = 45 if age > GENTLE.window and isinstance(policy, LeastRequest) else 8  # two at random by then
        assert abs(share(upstream, 3) - seen) <= tolerance, age


def test_it_asks_to_be_swept_while_somebody_is_new() -> None:
    upstream = Upstream()
    upstream.update(cluster(), these(at(1)))
    assert upstream.sweep(7.0) == pytest.approx(7.1)
    assert upstream.sweep(12.9) == pytest.approx(13.0)
    assert upstream.sweep(13.0) is None
    assert type(upstream.hosts["10.0.0.1", 80].weight) is int


def test_hosts_that_begin_together_share_alike() -> None:
    upstream = Upstream()
    upstream.update(cluster(), these(at(1), at(2), at(3)))
    assert abs(share(upstream, 1) - 100) <= 2
    upstream.sweep(1.0)
    assert abs(share(upstream, 1) - 100) <= 2


def test_weights_grow_to_what_the_control_plane_says_now() -> None:
    upstream = grown(at(1, weight=10))
    upstream.update(cluster(), these(at(1, weight=10), at(2, weight=10)))
    upstream.sweep(100.0)
    upstream.update(cluster(), these(at(1, weight=10), at(2, weight=30)))
    upstream.sweep(103.0)
    assert upstream.hosts["10.0.0.2", 80].weight == 15.0
    assert [words for _, words in upstream.candidates()] == [
        "takes requests: priority 0 takes 100 % of them",
        "takes requests, new: priority 0 takes 100 % of them",
    ]
    upstream.sweep(106.0)
    assert upstream.hosts["10.0.0.2", 80].weight == 30
    assert abs(share(upstream, 2, 400) - 300) <= 2


def test_coming_back_from_ejection_or_illness_is_not_being_new() -> None:
    """As in Envoy 1.40, where only joining counts."""
    ejecting = OutlierDetection(consecutive_5xx=1, max_ejection_percent=100, base_ejection_time=1.0, interval=1.0)
    upstream = grown(at(1), at(2), outlier=ejecting)
    host = upstream.admit(Request(b"GET", b"a", b"/", []))
    upstream.settle(host, 500, False, 0.0, 100.0)
    assert host.ejected
    upstream.sweep(105.0)
    assert not host.ejected
    assert abs(share(upstream, 1) - 150) <= 2
    upstream.update(cluster(), these(at(1), at(2, "unhealthy"), at(3, "unhealthy")))
    upstream.sweep(106.0)
    upstream.update(cluster(), these(at(1), at(2), at(3)))
    upstream.sweep(106.0)
    assert abs(share(upstream, 3) - 100) <= 2


def test_a_host_that_leaves_while_it_is_new_is_new_again_when_it_returns() -> None:
    upstream = grown(at(1))
    upstream.update(cluster(), these(at(1), at(2)))
    upstream.sweep(100.0)
    upstream.update(cluster(), these(at(1)))
    assert upstream.sweep(103.0) is None
    upstream.update(cluster(), these(at(1), at(2)))
    upstream.sweep(106.0)
    assert upstream.hosts["10.0.0.2", 80].weight == pytest.approx(0.1)


def test_when_the_policy_is_not_gentle_any_more_everybody_has_the_full_weight() -> None:
    upstream = Upstream()
    upstream.update(cluster(), these(at(1, weight=2)))
    upstream.sweep(0.0)
    host = upstream.hosts["10.0.0.1", 80]
    assert host.weight == pytest.approx(0.2)
    upstream.update(cluster(RoundRobin(SlowStart(9.0))), these(at(1, weight=2)))
    assert (host.weight, upstream.sweep(1.0)) == (2, None)
    upstream.update(cluster(RoundRobin()), these(at(1, weight=2), at(2)))
    assert (host.weight, upstream.sweep(1.0)) == (2, None)
    upstream.update(cluster(discovery=OriginalDestination()), LoadAssignment("a"))
    assert upstream.sweep(2.0) is not None
