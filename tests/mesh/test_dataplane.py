"""Publishing: all of an update or nothing, and what stays keeps what it has."""

import asyncio
from dataclasses import replace

import pytest

from meshio.balancing.hashing import HashCookie
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.errors import Closed, NoRoute
from meshio.matching import Exact, Header, PathPrefix
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.forward import Manner
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.message import Body, Headers, Request, Response, Send
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.retry import Retry
from meshio.routing.cors import Cors
from meshio.routing.listener import ChainMatch, FilterChain, HttpChain, Listener, TcpChain
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.route import DirectResponse, Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Dns, Eds, OriginalDestination, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

ANY = (PathPrefix(b"/"),)


def assignment(name, *ports):
    return LoadAssignment(name, (LocalityEndpoints(tuple(Endpoint(("10.0.0.1", port)) for port in ports)),))


def cluster(name, discovery=None):
    return Cluster(name, discovery or Eds(name), RoundRobin())


def to(*names, **more):
    return Forward(tuple(WeightedCluster(name) for name in names), timeout=None, **more)


def table(*routes, name="80", domains=("*",)):
    return RouteTable(name, (VirtualHost("v", domains, routes),), ignore_port=True)


def http(port=80, routes="80", **more):
    return Listener(f"0.0.0.0_{port}", "0.0.0.0", port, (FilterChain(HttpChain(routes, **more)),))


def snapshot(*clusters, routes=(), listeners=(), assignments=()):
    tables = routes or (table(Route(ANY, to(*(each.name for each in clusters)))),)
    return Snapshot(
        listeners={each.name: each for each in listeners or (http(),)},
        routes={each.name: each for each in tables},
        clusters={each.name: each for each in clusters},
        assignments={each.cluster: each for each in assignments or (assignment(each.name, 1) for each in clusters)},
    )


class Peer:
    """Answers in the place of a connection: 200, with the cluster and endpoint it was reached by."""

    def __init__(self):
        self.seen: list[Request] = []
        self.told: list[Headers] = []
        self.status = 200

    def attempt(self, upstream: Upstream, manner: Manner) -> Send:
        async def send(request: Request) -> Response:
            host = upstream.admit(request, manner.avoid)
            self.seen.append(request)
            self.told.append(request.headers)
            request.record.attempts += 1
            upstream.settle(host, self.status, False, 0.0, 0.0)
            return Response(self.status, [(b"x-from", f"{upstream.name} {host.name}".encode())], Body(), request.record)

        return send


def get(path=b"/", host="a", headers=(), **more):
    return Request(b"GET", host.encode(), path, list(headers), host=host, **more)


def run(scenario):
    """Give the scenario a plane and its peer, inside a loop."""

    async def main():
        peer = Peer()
        plane = Dataplane(Identity(), peer.attempt)
        try:
            await scenario(plane, peer)
        finally:
            await plane.aclose()

    asyncio.run(main(), debug=True)


async def reached(plane, request=None):
    response = await plane.send(request or get())
    return (response.header(b"x-from") or b"").decode() or response.status


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


def test_layers_of_a_route_replace_the_listeners_of_the_same_kind():
    always = Fraction(100)
    abort, other = Fault(abort=500, abort_share=always), Fault(abort=418, abort_share=always)

    async def scenario(plane, peer):
        routes = [table(Route((PathPrefix(b"/own"),), to("a"), layers=(other,)), Route(ANY, to("a")))]
        plane.publish(snapshot(cluster("a"), routes=routes, listeners=[http(layers=(abort,))]))
        assert await reached(plane, get(b"/own")) == 418
        assert await reached(plane, get(b"/")) == 500

    run(scenario)


def test_cross_origin_policies_are_for_routes_that_forward():
    policy = Cors((Exact(b"http://ok"),))

    async def scenario(plane, peer):
        direct = Route((PathPrefix(b"/direct"),), DirectResponse(200), layers=(policy,))
        plane.publish(snapshot(cluster("a"), routes=[table(direct, Route(ANY, to("a"), layers=(policy,)))]))
        told = [await plane.send(get(path, headers=[(b"origin", b"http://ok")])) for path in (b"/direct", b"/")]
        assert [response.header(b"access-control-allow-origin") for response in told] == [None, b"http://ok"]

    run(scenario)


def test_headers_change_on_the_way_out_and_back_and_the_callers_list_does_not():
    out, back = HeaderMutation((HeaderValue("x-out", "1"),)), HeaderMutation((HeaderValue("x-back", "2"),))

    async def scenario(plane, peer):
        routes = [table(Route(ANY, to("a"), request_headers=out, response_headers=back))]
        plane.publish(snapshot(cluster("a"), routes=routes))
        mine = [(b"accept", b"*/*")]
        request = Request(b"GET", b"a", b"/", mine, host="a")
        response = await plane.send(request)
        assert response.header(b"x-back") == b"2"
        assert peer.seen[0].header(b"x-out") == b"1"
        assert mine == [(b"accept", b"*/*")]

    run(scenario)


STICKY = {"hash_policies": (HashCookie("sid", ttl=60.0, path="/"),)}


def test_a_client_without_a_cookie_gets_one_and_stays_where_it_was():
    async def scenario(plane, peer):
        ring = replace(cluster("a"), policy=RingHash())
        endpoints = assignment("a", *range(1, 20))
        plane.publish(snapshot(ring, routes=[table(Route(ANY, to("a", **STICKY)))], assignments=[endpoints]))
        first = await plane.send(get())
        cookie = first.header(b"set-cookie")
        pair, _, rest = cookie.partition(b"; ")
        assert rest == b"Max-Age=60; Path=/; HttpOnly"
        back = await plane.send(get(headers=[(b"cookie", b"a=b; " + pair)]))
        assert back.header(b"set-cookie") is None
        assert back.header(b"x-from") == first.header(b"x-from")

    run(scenario)


def test_no_cookie_where_the_cluster_does_not_hash_or_nobody_answers():
    async def scenario(plane, peer):
        routes = [table(Route(ANY, to("a", **STICKY)))]
        plane.publish(snapshot(cluster("a"), routes=routes))
        assert (await plane.send(get())).header(b"set-cookie") is None
        assert peer.seen[0].hash is None
        ring = replace(cluster("a"), policy=RingHash())
        plane.publish(snapshot(ring, routes=routes))
        assert (await plane.send(get())).header(b"set-cookie") is not None
        plane.publish(snapshot(ring, routes=routes, assignments=[assignment("a")]))
        response = await plane.send(get())
        assert (response.status, response.header(b"set-cookie")) == (503, None)

    run(scenario)


def test_what_an_application_says_to_envoy_is_taken_off_and_all_else_passes():
    mine = [
        (b"x-envoy-retry-on", b"5xx"),
        (b"x-envoy-upstream-rq-timeout-ms", b"1"),
        (b"x-envoy-expected-rq-timeout-ms", b"1"),
        (b"x-forwarded-client-cert", b"URI=spiffe://cluster.local/ns/default/sa/admin"),
        (b"x-envoy-original-path", b"/z"),
        (b"x-user", b"ann"),
    ]
    asks = Route((Header(b"x-envoy-retry-on", Exact(b"5xx")),), DirectResponse(299))

    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a"), routes=[table(asks, Route(ANY, to("a")))]))
        request = Request(b"GET", b"a", b"/", mine, host="a")
        assert (await plane.send(request)).status == 200
        assert peer.seen[0].headers == mine[4:]
        assert len(mine) == 6

    run(scenario)


def test_a_retry_says_which_it_is_and_what_time_is_left():
    again = Retry(frozenset({"5xx"}), 1, per_try_timeout=5.0, first_delay=0.0, longest_delay=0.0)

    async def scenario(plane, peer):
        peer.status = 503
        route = Route(ANY, Forward((WeightedCluster("a"),), timeout=60.0, retry=again))
        hosts = (VirtualHost("v", ("*",), (route,), attempt_count=True),)
        plane.publish(snapshot(cluster("a"), routes=[RouteTable("80", hosts)]))
        assert await reached(plane) == "a 10.0.0.1:1"
        told = [dict(each) for each in peer.told]
        assert [each[b"x-envoy-attempt-count"] for each in told] == [b"1", b"2"]
        assert [each[b"x-envoy-expected-rq-timeout-ms"] for each in told] == [b"5000", b"5000"]

    run(scenario)


def test_the_record_tells_what_was_decided():
    async def scenario(plane, peer):
        routes = [table(Route((Header(b"x-user", Exact(b"ann")),), DirectResponse(299), "canary"), Route(ANY, to("a")))]
        plane.publish(snapshot(cluster("a"), routes=routes))
        record = (await plane.send(get(headers=[(b"x-user", b"ann")]))).record
        assert (record.route, record.virtual_host, record.details) == ("canary", "v", "direct_response")

    run(scenario)


def test_local_answers_carry_a_date():
    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a"), routes=[table(Route(ANY, DirectResponse(200, b"hi")))]))
        assert (await plane.send(get())).header(b"date")
        assert (await plane.send(get(port=81))).header(b"date")

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
