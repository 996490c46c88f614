"""Publishing: all of an update or nothing, and what stays keeps what it has."""

import asyncio
from dataclasses import replace

import pytest

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.maglev import Maglev
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.errors import Closed, NoRoute
from meshio.matching import PathPrefix
from meshio.routing.listener import ChainMatch, FilterChain, Listener, TcpChain
from meshio.routing.route import DirectResponse, Route, WeightedCluster
from meshio.upstream.cluster import Aggregate, Cluster, Dns, OriginalDestination, Static
from tests.mesh.planes import ANY, assignment, cluster, get, http, reached, run, snapshot, table, to


def test_before_the_first_snapshot_the_mesh_is_not_running():
    async def scenario(plane, peer):
        with pytest.raises(Closed):
            await plane.send(get())

    run(scenario)


def test_publish_returns_the_hosts_that_left_and_keeps_the_others():
    async def scenario(plane, peer):
        a = cluster("a")
        plane.publish(snapshot(a, assignments=[assignment("a", 1, 2)]))
        kept = plane.upstreams["a"].hosts["10.0.0.1", 1]
        left = plane.publish(snapshot(a, assignments=[assignment("a", 1, 3)]))
        assert [host.name for host in left] == ["10.0.0.1:2"]
        assert plane.upstreams["a"].hosts["10.0.0.1", 1] is kept

    run(scenario)


def test_a_cluster_that_leaves_gives_up_its_hosts_and_its_routes_say_so():
    async def scenario(plane, peer):
        a, b = cluster("a"), cluster("b")
        routes = (table(Route((PathPrefix(b"/b"),), to("b")), Route(ANY, to("a"))),)
        plane.publish(snapshot(a, b, routes=routes))
        assert await reached(plane, get(b"/b")) == "b 10.0.0.1:1"
        left = plane.publish(snapshot(a, routes=routes))
        assert [host.name for host in left] == ["10.0.0.1:1"]
        response = await plane.send(get(b"/b"))
        assert (response.status, response.record.flags) == (503, ["NC"])
        assert await reached(plane) == "a 10.0.0.1:1"
        plane.publish(snapshot(a, b, routes=routes))
        assert await reached(plane, get(b"/b")) == "b 10.0.0.1:1"

    run(scenario)


def test_an_endpoint_change_leaves_the_compiled_routes_alone():
    async def scenario(plane, peer):
        first = snapshot(cluster("a"))
        plane.publish(first)
        plan = plane.plan
        plane.publish(replace(first, assignments={"a": assignment("a", 7)}))
        assert plane.plan is plan
        assert await reached(plane) == "a 10.0.0.1:7"

    run(scenario)


def test_a_request_keeps_the_route_it_began_with():
    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a")))
        send = plane.route(request := get())
        plane.publish(snapshot(cluster("b")))
        assert (await send(request)).header(b"x-from") == b"a 10.0.0.1:1"
        assert await reached(plane) == "b 10.0.0.1:1"

    run(scenario)


def test_prepared_upstreams_serve_only_after_publish():
    async def scenario(plane, peer):
        new = snapshot(cluster("a"), cluster("b"))
        await plane.prepare(new)
        assert not plane.upstreams
        plane.publish(new)
        assert set(plane.upstreams) == {"a", "b"}
        assert (await reached(plane)).startswith(("a", "b"))

    run(scenario)


def test_a_dns_cluster_keeps_its_addresses_when_its_settings_change():
    async def scenario(plane, peer):
        dns = cluster("d", Dns(assignment("d", 80)))
        plane.publish(snapshot(dns))
        plane.resolved("d", assignment("d", 5))
        plane.publish(snapshot(replace(dns, connect_timeout=9.0)))
        assert await reached(plane) == "d 10.0.0.1:5"

    run(scenario)


def test_addresses_that_a_resolver_finds_start_slowly_and_grow():
    async def scenario(plane, peer):
        dns = replace(cluster("d", Dns(assignment("d", 80))), policy=RoundRobin(SlowStart(0.05)))
        plane.publish(snapshot(dns))
        plane.resolved("d", assignment("d", 5))
        host = plane.upstreams["d"].hosts["10.0.0.1", 5]
        assert host.weight == pytest.approx(0.1)
        await asyncio.sleep(0.25)  # the mesh itself looks at the clock
        assert host.weight == 1

    run(scenario)


def test_static_and_original_destination_clusters_need_no_assignment():
    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("s", Static(assignment("s", 3)))))
        assert await reached(plane) == "s 10.0.0.1:3"
        plane.publish(snapshot(cluster("o", OriginalDestination())))
        assert await reached(plane, get(host="10.9.9.9", port=80)) == "o 10.9.9.9:80"

    run(scenario)


def test_no_listener_and_no_route_are_404():
    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a"), routes=[table(Route((PathPrefix(b"/x"),), to("a")))]))
        assert await reached(plane, get(b"/y")) == 404
        assert await reached(plane, get(port=81)) == 404
        assert "81" in (await plane.send(get(port=81))).record.error
        with pytest.raises(NoRoute, match="81"):
            await plane.dispatch(get(port=81))

    run(scenario)


def test_a_service_name_without_a_port_takes_the_services_only_http_port():
    async def scenario(plane, peer):
        eighty = table(Route(ANY, to("any")))
        other = table(Route(ANY, to("svc")), name="8080", domains=("svc", "svc.default"))
        found = snapshot(cluster("any"), cluster("svc"), routes=[eighty, other], listeners=[http(), http(8080, "8080")])
        plane.publish(found)
        assert (await reached(plane, get(host="svc"))).startswith("svc")
        assert (await reached(plane, get(host="SVC.default."))).startswith("any")  # the authority is not a domain
        assert (await reached(plane, get(host="svc", port=80))).startswith("any")
        assert peer.seen[0].port == 8080
        third = table(Route(ANY, to("svc")), name="9090", domains=("svc",))
        plane.publish(replace(found, routes={**found.routes, "9090": third}))
        assert (await reached(plane, get(host="svc"))).startswith("any")  # two ports: nobody can know which

    run(scenario)


def test_https_goes_by_server_name_through_the_tcp_chain():
    async def scenario(plane, peer):
        chains = (
            FilterChain(TcpChain((WeightedCluster("api"),)), ChainMatch(server_names=("api.example.com",))),
            FilterChain(TcpChain((WeightedCluster("rest"),))),
        )
        listener = Listener("0.0.0.0_443", "0.0.0.0", 443, chains)
        plane.publish(snapshot(cluster("api"), cluster("rest"), listeners=[listener]))
        assert (await reached(plane, get(host="api.example.com", scheme=b"https"))).startswith("api")
        assert (await reached(plane, get(host="example.org", scheme=b"https"))).startswith("rest")

    run(scenario)


def test_who_asks_in_a_loop_does_not_keep_the_loop_to_himself():
    """Answers of the mesh itself come without any I/O; an update must get through between two of them."""

    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a"), routes=[table(Route((PathPrefix(b"/x"),), DirectResponse(200)))]))
        better = snapshot(cluster("a"), routes=[table(Route(ANY, to("a")))])
        asyncio.get_running_loop().call_soon(plane.publish, better)
        answers = [await reached(plane, get(b"/x")) for _ in range(3)]
        assert answers[-1] == "a 10.0.0.1:1"
        plane.publish(snapshot(cluster("a"), routes=[table(Route((PathPrefix(b"/x"),), to("a")))]))
        asyncio.get_running_loop().call_soon(plane.publish, better)
        answers = [await reached(plane) for _ in range(3)]
        assert answers[-1] == "a 10.0.0.1:1"

    run(scenario)


def test_a_large_table_is_built_beside_the_requests():
    """Preparing builds the first one; the next ones are finished by the loop, while the former serves."""

    async def scenario(plane, peer):
        sticky = replace(cluster("a"), policy=Maglev())
        many = snapshot(sticky, assignments=[assignment("a", *range(1, 400))])
        await plane.prepare(many)
        plane.publish(many)
        upstream = plane.upstreams["a"]
        first = upstream.pick
        plane.publish(replace(many, assignments={"a": assignment("a", *range(1, 401))}))
        assert upstream.pick is not first
        standby = upstream.pick
        for _ in range(2_000):
            await asyncio.sleep(0)
        assert upstream.pick is not standby
        assert {upstream.pick(get()).name for _ in range(20_000)} == {f"10.0.0.1:{port}" for port in range(1, 401)}

    run(scenario)


def test_a_cluster_becomes_one_of_others_and_back():
    async def scenario(plane, peer):
        a = cluster("a")
        whole = Cluster("all", Aggregate(("a",)), ClusterProvided())
        routes = (table(Route(ANY, to("all"))),)
        plane.publish(snapshot(a, whole, routes=routes))
        assert await reached(plane) == "all 10.0.0.1:1"
        assert plane.upstreams["a"].hosts["10.0.0.1", 1].requests == 1
        own = cluster("all")
        plane.publish(snapshot(a, own, routes=routes, assignments=[assignment("a", 1), assignment("all", 7)]))
        assert await reached(plane) == "all 10.0.0.1:7"
        left = plane.publish(snapshot(a, whole, routes=routes))
        assert [host.name for host in left] == ["10.0.0.1:7"]
        assert await reached(plane) == "all 10.0.0.1:1"
        plane.publish(snapshot(whole, routes=routes))
        assert await reached(plane) == 503

    run(scenario)
