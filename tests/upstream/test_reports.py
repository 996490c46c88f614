"""Weights by load reports, over time."""

from meshio.balancing.client_weights import ClientWeights
from meshio.balancing.load_report import TEXT
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream
from tests.upstream.test_upstream import asked, assigned, at, cluster, locality

SOON = ClientWeights(blackout=10.0, expiration=60.0, period=1.0)


def weighed(*numbers: int, settings: ClientWeights = SOON, **more: object) -> Upstream:
    upstream = Upstream()
    update(upstream, *numbers, settings=settings)
    upstream.sweep(0.0)
    return upstream


def update(upstream: Upstream, *numbers: int, settings: ClientWeights = SOON) -> None:
    upstream.update(cluster(policy=settings), assigned(locality(*(at(n, weight=7 * n) for n in numbers))))
    assert upstream.hosts


def host(upstream: Upstream, number: int) -> Host:
    return upstream.hosts[f"10.0.0.{number}", 9080]


def report(upstream: Upstream, number: int, rate: int, now: float) -> None:
    assert upstream.reports is not None
    value = b"TEXT application_utilization=0.5,rps_fractional=%d" % rate
    assert upstream.reports.take(host(upstream, number), [(TEXT, value)], now)


def weights(upstream: Upstream, now: float) -> list[float]:
    upstream.sweep(now)
    return [each.weight for each in upstream.hosts.values()]


def test_without_reports_all_hosts_are_alike_whatever_the_control_plane_says():
    assert weights(weighed(1, 2, 3), 1.0) == [1, 1, 1]


def test_reports_count_after_a_while_and_no_longer_than_they_hold():
    upstream = weighed(1, 2, 3)
    report(upstream, 1, 50, 1.0)
    report(upstream, 2, 150, 1.0)
    assert weights(upstream, 10.9) == [1, 1, 1]
    assert weights(upstream, 12.0) == [100, 300, 200]
    report(upstream, 1, 60, 50.0)
    assert weights(upstream, 62.0) == [120, 120, 120]
    report(upstream, 2, 150, 62.5)
    assert weights(upstream, 70.0) == [120, 120, 120]
    assert weights(upstream, 73.0) == [120, 300, 210]


def test_between_two_looks_nothing_changes():
    upstream = weighed(1, 2, settings=ClientWeights(blackout=0.0, period=5.0))
    report(upstream, 1, 50, 1.0)
    assert upstream.sweep(2.0) == 5.0
    assert weights(upstream, 2.0) == [1, 1]
    assert weights(upstream, 5.0) == [100, 100]


def test_turns_follow_the_reports():
    upstream = weighed(1, 2, settings=ClientWeights(blackout=0.0))
    report(upstream, 1, 50, 1.0)
    report(upstream, 2, 150, 1.0)
    upstream.sweep(1.0)
    picked = [upstream.pick(asked()).name for _ in range(8)]
    assert picked.count("10.0.0.2:9080") == 6


def test_hosts_keep_their_ratings_and_new_ones_have_the_usual():
    upstream = weighed(1, 2, settings=ClientWeights(blackout=0.0))
    report(upstream, 1, 50, 1.0)
    report(upstream, 2, 150, 1.0)
    upstream.sweep(1.0)
    update(upstream, 1, 3, settings=ClientWeights(blackout=0.0))
    assert [each.weight for each in upstream.hosts.values()] == [100, 200]
    assert weights(upstream, 2.0) == [100, 100]


def test_other_settings_begin_anew_and_another_policy_has_the_control_planes_weights():
    upstream = weighed(1, 2, settings=ClientWeights(blackout=0.0))
    report(upstream, 1, 50, 1.0)
    upstream.sweep(1.0)
    update(upstream, 1, 2, settings=ClientWeights(blackout=1.0))
    assert weights(upstream, 1.5) == [1, 1]
    upstream.update(cluster(policy=RoundRobin()), assigned(locality(at(1, weight=7), at(2, weight=14))))
    assert upstream.reports is None
    assert [each.weight for each in upstream.hosts.values()] == [7, 14]
    assert upstream.sweep(3.0) is None


def test_a_new_host_grows_to_the_weight_that_its_reports_give():
    upstream = weighed(1, 2, settings=ClientWeights(blackout=0.0, slow_start=SlowStart(10.0, least=50.0)))
    report(upstream, 1, 50, 1.0)
    assert weights(upstream, 1.0) == [0.5, 0.5]
    assert weights(upstream, 2.0) == [50.0, 50.0]
    assert weights(upstream, 11.0) == [100, 100]


def test_a_response_without_a_report_changes_nothing():
    upstream = weighed(1)
    assert upstream.reports is not None
    assert not upstream.reports.take(host(upstream, 1), [(TEXT, b"TEXT eps=1"), (b"x", b"y")], 1.0)
    assert not upstream.reports.take(host(upstream, 1), [], 1.0)
