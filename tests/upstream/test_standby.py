"""Picks that take long to build: who serves meanwhile."""

import pytest

from meshio.balancing.maglev import TABLES, Maglev
from meshio.balancing.override_host import OverrideHost
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.subset import Selector, Subset
from meshio.errors import NoHealthyHost, Unbuilt
from meshio.message import Request
from meshio.resilience.outlier import OutlierDetection
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream
from tests.upstream.test_upstream import asked

EJECTS = OutlierDetection(consecutive_5xx=1, max_ejection_percent=100)


@pytest.fixture(autouse=True)
def _no_table_is_remembered() -> None:
    TABLES.clear()


class Postponed:
    """Says that it will finish a pick later, once it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.willing = False

    def __call__(self, upstream: Upstream) -> bool:
        self.asked += self.willing
        return self.willing


def cluster(table_size: int = 4099) -> Cluster:
    return Cluster("c", Eds("c"), Maglev(table_size), outlier=EJECTS, panic_threshold=0.0)


def assigned(*hosts: int) -> LoadAssignment:
    return LoadAssignment("c", (LocalityEndpoints(tuple(Endpoint((f"10.0.0.{n}", 80)) for n in hosts)),))


def serving(later: Postponed, *hosts: int) -> Upstream:
    upstream = Upstream(later)
    upstream.update(cluster(), assigned(*hosts))
    assert len(upstream.hosts) == len(hosts)
    later.willing = True
    return upstream


def homes(upstream: Upstream) -> list[Host]:
    found = []
    for key in range(200):
        request = asked()
        request.hash = key * 7919
        found.append(upstream.pick(request))
    return found


def eject(upstream: Upstream, host: Host) -> None:
    assert upstream.settle(host, 500, False, 0.01, 0.0)


def test_the_former_pick_serves_until_the_new_one_is_built():
    later = Postponed()
    upstream = serving(later, 1, 2, 3)
    before = homes(upstream)
    ejected = before[0]
    eject(upstream, ejected)
    assert later.asked == 1
    meanwhile = homes(upstream)
    assert ejected not in meanwhile
    assert all(now is then for now, then in zip(meanwhile, before, strict=True) if then is not ejected)
    for _ in upstream.build():
        assert ejected not in homes(upstream)
    expected = serving(Postponed(), *[n for n in (1, 2, 3) if f"10.0.0.{n}:80" != ejected.name])
    assert [host.name for host in homes(upstream)] == [host.name for host in homes(expected)]


def test_a_host_that_left_is_not_served_while_the_next_table_is_built():
    later = Postponed()
    upstream = serving(later, 1, 2, 3)
    (left,) = upstream.update(cluster(), assigned(2, 3, 4))
    assert left.name == "10.0.0.1:80"
    assert left not in homes(upstream)


def test_a_pick_that_is_overtaken_is_given_up():
    later = Postponed()
    upstream = serving(later, 1, 2, 3)
    upstream.update(cluster(), assigned(1, 2))
    overtaken = upstream.build()
    next(overtaken)
    upstream.update(cluster(), assigned(1, 2, 3, 4))
    assert list(overtaken) == []
    for _ in upstream.build():
        pass
    assert {host.name[-4] for host in homes(upstream)} == set("1234")
    assert list(upstream.build()) == []


def test_nobody_serves_where_nobody_is_left():
    later = Postponed()
    upstream = serving(later, 1, 2)
    for host in tuple(upstream.hosts.values()):
        eject(upstream, host)
    with pytest.raises(NoHealthyHost):
        homes(upstream)


def test_without_anybody_who_finishes_it_later_a_pick_is_built_at_once():
    upstream = Upstream()
    upstream.update(cluster(), assigned(1, 2, 3))
    first = homes(upstream)[0]
    eject(upstream, first)
    assert first not in homes(upstream)
    assert list(upstream.build()) == []


def labelled(*hosts: int) -> LoadAssignment:
    """Even hosts have one label, odd ones another; there are many more of a third kind."""
    kinds = [(n, ("even", "odd")[n % 2]) for n in hosts] + [(n, "other") for n in range(1000, 4000)]
    endpoints = (Endpoint((f"10.{n >> 8}.{n & 255}.1", 80), labels=(("kind", kind),)) for n, kind in kinds)
    return LoadAssignment("c", (LocalityEndpoints(tuple(endpoints)),))


def of_kind(upstream: Upstream, kind: str) -> set[str]:
    request = asked()
    request.wanted = (("kind", kind),)
    return {upstream.pick(request).name.split(".")[2] for _ in range(100)}


def test_a_subset_is_not_left_while_the_subsets_are_sorted_anew():
    later, policy = Postponed(), Subset(RoundRobin(), (Selector(("kind",)),))
    settings = Cluster("c", Eds("c"), policy, outlier=EJECTS, panic_threshold=0.0)
    upstream = Upstream(later)
    upstream.update(settings, labelled(1, 2, 3, 4, 5))
    later.willing = True
    upstream.update(settings, labelled(2, 3, 5))
    assert later.asked == 1
    assert (of_kind(upstream, "odd"), of_kind(upstream, "even")) == ({"3", "5"}, {"2"})
    upstream.update(settings, labelled(2, 7))
    with pytest.raises(NoHealthyHost):
        of_kind(upstream, "odd")
    for _ in upstream.build():
        pass
    assert (of_kind(upstream, "odd"), of_kind(upstream, "even")) == ({"7"}, {"2"})


def crowd(*ill: int, of: int = 5000) -> LoadAssignment:
    endpoints = (
        Endpoint((f"10.1.{n >> 8}.{n & 255}", 80), health="unhealthy" if n in ill else "unknown") for n in range(of)
    )
    return LoadAssignment("c", (LocalityEndpoints(tuple(endpoints)),))


THOUSANDS = Cluster("c", Eds("c"), RoundRobin(), outlier=EJECTS, panic_threshold=0.0)


def test_thousands_of_hosts_are_sorted_in_steps_while_the_former_pick_serves():
    later = Postponed()
    upstream = Upstream(later)
    upstream.update(THOUSANDS, crowd())
    later.willing = True
    ejected = upstream.pick(asked())
    eject(upstream, ejected)
    assert later.asked == 1
    picked = [upstream.pick(asked()) for _ in range(10_000)]
    assert len(set(picked)) == 4999
    assert ejected not in picked
    assert len(list(upstream.build())) >= 3
    assert {upstream.pick(asked()) for _ in range(4999)} == set(picked)


def test_while_all_of_thousands_fall_ill_nobody_is_picked():
    later = Postponed()
    upstream = Upstream(later)
    upstream.update(THOUSANDS, crowd())
    later.willing = True
    upstream.update(THOUSANDS, crowd(*range(5000)))
    for _ in range(2):
        with pytest.raises(NoHealthyHost):
            upstream.pick(asked())
        for _ in upstream.build():
            pass
    assert not upstream.serving


def test_the_first_pick_is_waited_for():
    later = Postponed()
    later.willing = True
    upstream = Upstream(later)
    upstream.update(cluster(), assigned(1, 2, 3))
    called: list[int] = []
    upstream.follow(lambda: called.append(upstream.active))
    with pytest.raises(Unbuilt):
        upstream.admit(asked())
    assert (later.asked, upstream.active, upstream.serving) == (1, 0, True)
    called.clear()
    for _ in upstream.build():
        with pytest.raises(Unbuilt):
            upstream.admit(asked())
    assert called == [0]
    assert upstream.admit(asked()).name.startswith("10.0.0.")


def test_a_pick_that_is_given_up_is_nobody():
    later = Postponed()
    later.willing = True
    upstream = Upstream(later)
    upstream.update(cluster(), assigned(1, 2, 3))
    with pytest.raises(Unbuilt):
        upstream.admit(asked())
    upstream.give_up()
    with pytest.raises(NoHealthyHost) as refused:
        upstream.admit(asked())
    assert not isinstance(refused.value, Unbuilt)
    upstream.give_up()  # there is nothing to give up
    assert not upstream.serving


def test_named_hosts_and_the_next_of_a_table_serve_while_it_is_built_anew():
    """Who is asked for by key goes to the same host until that is ill, and then to one that is not."""
    later = Postponed()
    upstream = Upstream(later)
    settings = Cluster("c", Eds("c"), OverrideHost(Maglev(4099), ("x-host",)), outlier=EJECTS, panic_threshold=0.0)
    upstream.update(settings, assigned(1, 2, 3))
    before = homes(upstream)
    later.willing = True
    eject(upstream, before[0])
    assert later.asked == 1
    meanwhile = homes(upstream)
    assert before[0] not in meanwhile
    assert all(now is then for now, then in zip(meanwhile, before, strict=True) if then is not before[0])
    request = Request(b"GET", b"a", b"/", [(b"x-host", b"10.0.0.2:80")])
    assert upstream.pick(request).name == "10.0.0.2:80"
