"""A cluster made of clusters: whose hosts, whose counters, whose news."""

from collections import Counter

import pytest

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.errors import NoHealthyHost, Unbuilt
from meshio.message import Request
from meshio.resilience.limits import Limits, RetryBudget
from meshio.resilience.outlier import ANSWERED, OutlierDetection
from meshio.upstream.aggregate import Aggregated
from meshio.upstream.cluster import Aggregate, Cluster, Eds
from meshio.upstream.endpoint import Endpoint, Health, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

EJECTS = OutlierDetection(consecutive_5xx=1, max_ejection_percent=100)


def one(name: str, *health: Health, **settings: object) -> Upstream:
    upstream = Upstream()
    tell(upstream, name, *health, **settings)
    return upstream


def tell(upstream: Upstream, name: str, *health: Health, **settings: object) -> None:
    endpoints = tuple(Endpoint((f"{name}.{i}", 80), health=each) for i, each in enumerate(health))
    cluster = Cluster(name, Eds(name), RoundRobin(), panic_threshold=0.0, **settings)  # type: ignore[arg-type]
    upstream.update(cluster, LoadAssignment(name, (LocalityEndpoints(endpoints),)))


def made_of(**members: Upstream) -> Aggregated:
    whole = Aggregated()
    whole.update(Cluster("all", Aggregate(("a", "b")), ClusterProvided(), panic_threshold=0.0), LoadAssignment("all"))
    whole.gather(members)
    return whole


def asked() -> Request:
    return Request(b"GET", b"all", b"/", [])


def served(whole: Aggregated, status: int = 200) -> str:
    host = whole.admit(asked())
    whole.settle(host, status, ANSWERED, 0.01, 1.0)
    return host.name


def test_what_becomes_of_requests_is_told_where_the_host_belongs() -> None:
    a = one("a", "healthy", outlier=EJECTS)
    whole = made_of(a=a, b=one("b", "healthy"))
    host = whole.admit(asked())
    assert (host.name, host.home) == ("a.0:80", a)
    whole.leave(host, 0.01, 1.0)
    assert not host.failures
    assert whole.observe(host, 503, ANSWERED, 1.0)
    assert a.outliers is not None and a.outliers.ejected == 1


def test_a_budget_of_the_whole_has_no_share_in_requests_that_count_elsewhere() -> None:
    whole = made_of(a=one("a", "healthy"))
    for breaker in (whole.breaker, whole.high):
        breaker.limit("whole", Limits(budget=RetryBudget(100.0, 0)))
        assert not breaker.start_retry()


def test_what_happens_to_a_member_is_news_at_once() -> None:
    a, b = one("a", "healthy", outlier=EJECTS), one("b", "healthy")
    whole = made_of(a=a, b=b)
    assert served(whole, 503) == "a.0:80"
    assert served(whole) == "b.0:80"
    a.outliers = None
    tell(a, "a", "healthy", "healthy")
    assert {served(whole) for _ in range(9)} == {"a.0:80", "a.1:80"}
    tell(a, "a")
    tell(b, "b")
    assert not whole.serving
    with pytest.raises(NoHealthyHost):
        whole.admit(asked())


def test_load_spills_over_as_over_priorities() -> None:
    whole = made_of(a=one("a", "healthy", "unhealthy"), b=one("b", "healthy"))
    took = Counter(served(whole) for _ in range(2000))
    assert took.keys() == {"a.0:80", "b.0:80"}
    assert 1300 < took["a.0:80"] < 1500


def test_members_come_and_go() -> None:
    a, b = one("a", "healthy"), one("b", "healthy")
    whole = made_of(a=a, b=b)
    whole.gather({"b": b})
    assert (served(whole), len(a.followers), len(b.followers)) == ("b.0:80", 0, 1)
    whole.gather({"a": a, "b": made_of(a=a)})  # another aggregate has no hosts of its own
    assert served(whole) == "a.0:80"
    assert whole.retire() == []
    assert b.followers == ()


def test_it_tells_of_the_hosts_of_its_members() -> None:
    whole = made_of(a=one("a", "unhealthy"), b=one("b", "healthy"))
    assert [(host.name, words) for host, words in whole.candidates()] == [
        ("a.0:80", "unhealthy, says the control plane"),
        ("b.0:80", "takes requests: priority 0 takes 100 % of them"),
    ]
    assert (whole.hosts, whole.sweep(1.0)) == ({}, None)


def keyed(number: int) -> Request:
    request = asked()
    request.hash = number * 7919
    return request


def homes(whole: Aggregated) -> list[str]:
    return [whole.admit(keyed(number)).name for number in range(100)]


def sticky(*health: Health, outlier: OutlierDetection | None = None) -> Upstream:
    upstream = Upstream()
    endpoints = tuple(Endpoint((f"a.{i}", 80), health=each) for i, each in enumerate(health))
    cluster = Cluster("a", Eds("a"), RingHash(30_000), outlier=outlier, panic_threshold=0.0)
    upstream.update(cluster, LoadAssignment("a", (LocalityEndpoints(endpoints),)))
    return upstream


def finish(upstream: Upstream) -> None:
    for _ in upstream.build():
        pass


def test_tables_of_members_are_built_in_steps_and_the_first_requests_have_to_wait() -> None:
    whole = Aggregated(lambda upstream: True)
    whole.update(Cluster("all", Aggregate(("a", "b")), ClusterProvided(), panic_threshold=0.0), LoadAssignment("all"))
    a = sticky("healthy", "healthy", "healthy", outlier=EJECTS)
    whole.gather({"a": a})
    with pytest.raises(Unbuilt):
        whole.admit(asked())
    told: list[str] = []
    whole.follow(lambda: told.append(whole.admit(keyed(0)).name))
    finish(whole)
    before = homes(whole)
    assert told == before[:1]
    assert before == [a.admit(keyed(number)).name for number in range(100)]

    ill = next(host for host in a.hosts.values() if host.name == before[0])
    a.observe(ill, 503, ANSWERED, 1.0)
    meanwhile = homes(whole)
    assert ill.name not in meanwhile
    assert all(now == then for now, then in zip(meanwhile, before, strict=True) if then != ill.name)
    finish(whole)
    assert homes(whole) == [a.admit(keyed(number)).name for number in range(100)]

    whole.gather({"b": one("b", "healthy")})  # whoever served is no member any more
    finish(whole)
    assert set(homes(whole)) == {"b.0:80"}


def test_nobody_is_waited_for_where_a_member_has_left_while_the_next_is_being_built() -> None:
    whole = Aggregated(lambda upstream: True)
    whole.update(Cluster("all", Aggregate(("a", "b")), ClusterProvided(), panic_threshold=0.0), LoadAssignment("all"))
    whole.gather({"b": one("b", "healthy")})
    finish(whole)
    assert set(homes(whole)) == {"b.0:80"}
    whole.gather({"a": sticky("healthy", "healthy")})
    with pytest.raises(Unbuilt):
        whole.admit(asked())
    whole.give_up()
    with pytest.raises(NoHealthyHost):
        whole.admit(asked())
