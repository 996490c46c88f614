from dataclasses import replace
from time import perf_counter

from meshio.balancing.policy import Policy
from meshio.mesh.resolve import ABSENT, Held, orphans, resolve
from meshio.mesh.snapshot import Name, Snapshot
from meshio.routing.listener import FilterChain, HttpChain, Listener, TcpChain
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Eds, OriginalDestination
from meshio.upstream.endpoint import LoadAssignment


class Any(Policy):
    """What a cluster needs to have, and nothing here looks at."""


ANY = Any()


def listener(name, *targets, default=None):
    chains = tuple(FilterChain(target) for target in targets)
    return Listener(name, "0.0.0.0", 80, chains, FilterChain(default) if default else None)


def cluster(name, service=None):
    return Cluster(name, Eds(service or name) if service != "" else OriginalDestination(), ANY)


HTTP, PLAIN = HttpChain("80"), TcpChain((WeightedCluster("tcp"),))
COMPLETE = Held(
    listeners={"l": listener("l", HTTP)},
    clusters={"a": cluster("a", "a-endpoints"), "pass": cluster("pass", "")},
    routes={"80": RouteTable("80", ())},
    assignments={"a-endpoints": LoadAssignment("a-endpoints")},
)


def test_nothing_is_complete_before_listeners_and_clusters_were_told():
    resolution = resolve(Held())
    assert resolution.snapshot is None
    assert resolution.missing == "the listeners were never answered; the clusters were never answered"


def test_route_tables_come_from_every_chain_and_inline_ones_are_not_asked_for():
    inline = HttpChain(RouteTable("inline", ()))
    held = Held({"a": listener("a", HTTP, PLAIN, inline, default=HttpChain("other")), "inbound": None}, {})
    assert resolve(held).routes == {"80", "other"}


def test_load_assignments_are_asked_for_by_their_service_name():
    assert resolve(COMPLETE).assignments == {"a-endpoints"}


def test_a_complete_snapshot_holds_the_very_same_values():
    snapshot = resolve(COMPLETE).snapshot
    assert snapshot.routes["80"] is COMPLETE.routes["80"]
    assert snapshot.clusters["a"] is COMPLETE.clusters["a"]
    assert snapshot.assignments["a-endpoints"] is COMPLETE.assignments["a-endpoints"]


def test_an_unanswered_route_table_holds_the_snapshot_back():
    resolution = resolve(replace(COMPLETE, routes={}))
    assert resolution.snapshot is None
    assert resolution.missing == "never answered: 1 route table (80)"


def test_an_unanswered_load_assignment_holds_the_snapshot_back_and_few_are_named():
    held = replace(COMPLETE, clusters={f"c{n}": cluster(f"c{n}") for n in range(8)})
    assert resolve(held).missing == "never answered: 8 load assignments (c0, c1, c2, c3, c4 and 3 more)"


def test_what_is_known_not_to_exist_counts_as_answered():
    held = replace(COMPLETE, routes={"80": ABSENT}, assignments={"a-endpoints": ABSENT})
    snapshot = resolve(held).snapshot
    assert snapshot is not None
    assert (snapshot.routes, snapshot.assignments) == ({}, {})


def test_what_nobody_names_any_more_is_left_out():
    held = replace(COMPLETE, routes={**COMPLETE.routes, "old": RouteTable("old", ())})
    assert set(resolve(held).snapshot.routes) == {"80"}


def test_the_name_table_is_served_when_there_and_never_waited_for():
    names = {"reviews": Name(("10.0.0.1",))}
    assert resolve(COMPLETE).snapshot.names == {}
    assert resolve(replace(COMPLETE, names=names)).snapshot.names == names


def test_a_cluster_that_went_while_routes_lead_to_it_is_an_orphan():
    route = Route((), Forward((WeightedCluster("a"), WeightedCluster("never"))))
    routes = {"80": RouteTable("80", (VirtualHost("v", ("*",), (route,)),))}
    before = Snapshot(routes=routes, clusters={"a": cluster("a"), "b": cluster("b")})
    assert orphans(before, Snapshot(routes=routes)) == {"a"}
    assert orphans(before, Snapshot()) == set()
    assert orphans(before, before) == set()


def test_two_thousand_clusters_take_milliseconds():
    names = [f"c{n}" for n in range(2000)]
    held = replace(
        COMPLETE,
        clusters={name: cluster(name) for name in names},
        assignments={name: LoadAssignment(name) for name in names},
    )
    began = perf_counter()
    assert resolve(held).snapshot is not None
    assert perf_counter() - began < 0.05
