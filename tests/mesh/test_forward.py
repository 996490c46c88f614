"""What the mesh does to a request on its way, and to the response on its way back."""

import time
from dataclasses import replace

from meshio.balancing.hashing import HashCookie
from meshio.balancing.ring_hash import RingHash
from meshio.matching import Exact, Header, PathPrefix
from meshio.message import Request
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.retry import Retry
from meshio.resilience.verdict import Heads
from meshio.routing.cors import Cors
from meshio.routing.filters import Filter, Override
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.route import DirectResponse, Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import HttpOptions
from tests.mesh.planes import ANY, assignment, cluster, get, http, reached, run, snapshot, table, to

STICKY = {"hash_policies": (HashCookie("sid", ttl=60.0, path="/"),)}


def test_what_a_route_says_of_a_filter_replaces_what_the_listener_says():
    always = Fraction(100)
    abort, other = Fault(abort=500, abort_share=always), Fault(abort=418, abort_share=always)

    async def scenario(plane, peer):
        routes = [table(Route((PathPrefix(b"/own"),), to("a"), overrides=(Override("f", other),)), Route(ANY, to("a")))]
        plane.publish(snapshot(cluster("a"), routes=routes, listeners=[http(filters=(Filter("f", abort),))]))
        assert await reached(plane, get(b"/own")) == 418
        assert await reached(plane, get(b"/")) == 500

    run(scenario)


def test_cross_origin_policies_are_for_routes_that_forward():
    policy = Cors((Exact(b"http://ok"),))

    async def scenario(plane, peer):
        says = (Override("cors", policy),)
        direct = Route((PathPrefix(b"/direct"),), DirectResponse(200), overrides=says)
        routes, listener = [table(direct, Route(ANY, to("a"), overrides=says))], http(filters=(Filter("cors", Cors()),))
        plane.publish(snapshot(cluster("a"), routes=routes, listeners=[listener]))
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
        assert peer.seen[0].headers[:2] == mine[4:]
        assert [name for name, _ in peer.seen[0].headers[2:]] == [b"x-forwarded-proto", b"x-request-id"]
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


def test_an_answer_may_tell_how_long_it_took():
    took = HeaderMutation((HeaderValue("x-took", "%DURATION%"), HeaderValue("x-began", "%START_TIME(%s)%")))

    async def scenario(plane, peer):
        before = time.time()
        plane.publish(snapshot(cluster("a"), routes=[table(Route(ANY, to("a"), response_headers=took))]))
        response = await plane.send(get())
        assert int(response.header(b"x-took")) >= 0
        assert int(before) <= int(response.header(b"x-began")) <= time.time()
        assert peer.seen[0].began >= before

    run(scenario)


def test_a_cluster_that_changes_what_an_error_is_is_compiled_anew():
    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a")))
        await reached(plane)
        assert peer.manners[-1].verdict is None
        strange = replace(cluster("a"), http=HttpOptions(errors=Heads(), max_stream_duration=3.0))
        plane.publish(snapshot(strange))
        await reached(plane)
        assert peer.manners[-1].verdict is not None
        assert peer.manners[-1].limits.longest == 3.0

    run(scenario)
