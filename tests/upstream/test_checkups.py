"""Hosts under active health checks: who counts, who stays, who goes."""

from dataclasses import replace

from meshio.balancing.round_robin import RoundRobin
from meshio.message import Request
from meshio.resilience.outlier import ANSWERED, OutlierDetection
from meshio.upstream.checkups import give_up
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import CheckedAt, Endpoint, LoadAssignment, Locality, LocalityEndpoints
from meshio.upstream.health_check import HealthCheck, TcpProbe
from meshio.upstream.host import DEGRADED, FIT, UNFIT, Host
from meshio.upstream.upstream import Upstream

CHECK = HealthCheck(TcpProbe(), 1.0, 1.0, 1, 1, 1.0, 1.0, 1.0)


def at(number: int, **more: object) -> Endpoint:
    return Endpoint((f"10.0.0.{number}", 80), **more)  # type: ignore[arg-type]


def these(*endpoints: Endpoint) -> LoadAssignment:
    return LoadAssignment("c", (LocalityEndpoints(endpoints, Locality("r", "z"), 0, 1),))


def cluster(check: HealthCheck | None = CHECK, **more: object) -> Cluster:
    return Cluster("c", Eds("c"), RoundRobin(), health_check=check, **{"panic_threshold": 0.0, **more})  # type: ignore[arg-type]


def serving(*endpoints: Endpoint, **more: object) -> Upstream:
    upstream = Upstream()
    upstream.update(cluster(**more), these(*endpoints))  # type: ignore[arg-type]
    return upstream


def passed(upstream: Upstream, number: int, *, degraded: bool = False) -> Host:
    host = upstream.hosts[f"10.0.0.{number}", 80]
    assert host.checkup is not None
    host.checkup.passed(1, degraded)
    assert upstream.examined(host) == []
    return host


def failed(upstream: Upstream, number: int) -> list[Host]:
    host = upstream.hosts[f"10.0.0.{number}", 80]
    assert host.checkup is not None
    host.checkup.missed(1, "answer")
    return upstream.examined(host)


def names(upstream: Upstream) -> set[str]:
    request = Request(b"GET", b"c", b"/", [])
    return {upstream.pick(request).name for _ in range(9)} if upstream.serving else set()


def test_new_hosts_wait_for_their_first_check() -> None:
    upstream = serving(at(1), at(2), at(3, check=CheckedAt(disabled=True)))
    assert names(upstream) == {"10.0.0.3:80"}
    passed(upstream, 1)
    assert names(upstream) == {"10.0.0.1:80", "10.0.0.3:80"}
    upstream.update(cluster(), these(at(1), at(4)))
    assert names(upstream) == {"10.0.0.1:80"}  # it keeps what it had; the new one waits


def test_what_checks_and_the_control_plane_say_together() -> None:
    upstream = serving(at(1), at(2, health="degraded"), at(3, health="unhealthy"))
    assert [passed(upstream, number).condition for number in (1, 2, 3)] == [FIT, DEGRADED, UNFIT]
    assert passed(upstream, 1, degraded=True).condition == DEGRADED


def test_a_forgotten_host_stays_while_it_passes_and_then_leaves() -> None:
    upstream = serving(at(1), at(2), at(3))
    for number in (1, 2, 3):
        passed(upstream, number)
    failed(upstream, 3)
    left = upstream.update(cluster(), these(at(1)))
    assert [host.name for host in left] == ["10.0.0.3:80"]
    assert names(upstream) == {"10.0.0.1:80", "10.0.0.2:80"}
    upstream.update(cluster(), these(at(1)))
    assert names(upstream) == {"10.0.0.1:80", "10.0.0.2:80"}
    assert [host.name for host in failed(upstream, 2)] == ["10.0.0.2:80"]
    assert list(upstream.hosts) == [("10.0.0.1", 80)]
    assert failed(upstream, 1) == []


def test_a_forgotten_host_that_is_told_again_belongs_to_the_cluster() -> None:
    upstream = serving(at(1), at(2))
    passed(upstream, 2)
    upstream.update(cluster(), these(at(1)))
    upstream.update(cluster(), these(at(1), at(2)))
    assert failed(upstream, 2) == []
    assert len(upstream.hosts) == 2


def test_draining_hosts_and_those_of_hasty_clusters_leave_at_once() -> None:
    upstream = serving(at(1), at(2))
    passed(upstream, 2)
    upstream.update(cluster(), these(at(1), at(2, health="draining")))
    assert [host.name for host in upstream.update(cluster(), these(at(1)))] == ["10.0.0.2:80"]
    hasty = serving(at(1), check=replace(CHECK, leave_at_once=True))
    passed(hasty, 1)
    assert len(hasty.update(cluster(replace(CHECK, leave_at_once=True)), these())) == 1


def test_hosts_that_do_not_count_keep_nobody_from_being_well() -> None:
    check = replace(CHECK, exclude_new=True)
    upstream = serving(at(1), at(2), at(3), check=check, panic_threshold=50.0)
    passed(upstream, 1)
    assert names(upstream) == {"10.0.0.1:80"}  # one of one that counts; else it were a panic
    words = {host.name: words for host, words in upstream.candidates()}
    assert words["10.0.0.2:80"] == "not checked yet, and not counted until then"


def test_an_answer_may_say_that_its_host_is_ill() -> None:
    upstream = serving(at(1), at(2))
    for number in (1, 2):
        passed(upstream, number)
    host = give_up(upstream, "10.0.0.1:80")
    assert host is not None
    upstream.examined(host)
    assert give_up(upstream, "10.0.0.9:80") is None
    assert names(upstream) == {"10.0.0.2:80"}


def test_a_check_that_succeeds_brings_an_ejected_host_back() -> None:
    for unejects in (True, False):
        outlier = OutlierDetection(consecutive_5xx=1, max_ejection_percent=100, unejects=unejects)
        upstream = serving(at(1), outlier=outlier)
        host = passed(upstream, 1)
        upstream.admit(Request(b"GET", b"c", b"/", []))
        upstream.settle(host, 500, ANSWERED, 0.0, 1.0)
        assert host.ejected
        passed(upstream, 1)
        assert host.ejected is not unejects


def test_without_checks_everybody_is_well_again() -> None:
    upstream = serving(at(1))
    assert names(upstream) == set()
    upstream.update(cluster(None), these(at(1)))
    assert names(upstream) == {"10.0.0.1:80"}


def test_pauses() -> None:
    check = replace(
        CHECK,
        interval=1.0,
        unhealthy_interval=2.0,
        healthy_edge=3.0,
        unhealthy_edge=4.0,
        no_traffic=5.0,
        no_traffic_healthy=6.0,
    )
    assert [check.pause(True, "same", True), check.pause(False, "same", True)] == [1.0, 2.0]
    assert [check.pause(True, "pending", True), check.pause(False, "pending", True)] == [3.0, 4.0]
    assert [check.pause(well, "same", False) for well in (True, False)] == [6.0, 5.0]
    assert check.pause(True, "pending", False) == 5.0
    jittery = replace(check, jitter=0.5, jitter_percent=100)
    pauses = [jittery.pause(True, "same", True) for _ in range(200)]
    assert min(pauses) < 1.3
    assert 2.0 < max(pauses) < 2.5
