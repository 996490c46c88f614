"""Requests that say themselves how they want to be sent find ways of their own."""

from dataclasses import replace

from meshio.resilience.retry import Retry
from meshio.routing.hop import Hop
from meshio.routing.route import Forward, Route, WeightedCluster
from meshio.routing.trust import Trust
from meshio.routing.wishes import Router
from tests.mesh.planes import ANY, cluster, get, http, run, snapshot, table

INSIDE = (b"x-forwarded-for", b"10.1.2.3")
TRUSTING = Hop(makes_ids=False, trust=Trust(False, ("10.0.0.0/8",)))


def asks(*headers):
    return get(headers=[INSIDE, *headers])


def test_a_trusted_request_is_retried_as_it_says_and_others_are_not():
    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a"), listeners=[http(hop=TRUSTING)]))
        peer.status = 503
        assert (await plane.send(asks((b"x-envoy-retry-on", b"5xx")))).record.attempts == 2
        assert (await plane.send(asks())).record.attempts == 1
        assert (await plane.send(get(headers=[(b"x-envoy-retry-on", b"5xx")]))).record.attempts == 1
        assert not any(b"x-envoy-retry-on" in dict(headers) for headers in peer.told)

    run(scenario)


def test_as_many_sets_of_words_as_there_may_be_are_compiled_once_each():
    async def scenario(plane, peer):
        plane.publish(snapshot(cluster("a"), listeners=[http(hop=TRUSTING)]))
        for number in range(200):
            response = await plane.send(asks((b"x-envoy-upstream-rq-timeout-ms", b"%d" % (9000 + number % 100))))
            assert response.status == 200
        before = len(peer.manners)
        for _ in range(10):
            await plane.send(asks((b"x-envoy-upstream-rq-timeout-ms", b"9099")))
        assert len(peer.manners) <= before + 1

    run(scenario)


def test_a_strict_router_answers_itself():
    async def scenario(plane, peer):
        strict = Router(strict=frozenset({b"x-envoy-max-retries"}))
        plane.publish(snapshot(cluster("a"), listeners=[http(hop=TRUSTING, router=strict)]))
        response = await plane.send(asks((b"x-envoy-max-retries", b"many")))
        assert (response.status, response.body.data) == (400, b"invalid header 'x-envoy-max-retries' with value 'many'")
        assert response.record.flags == ["IH"]
        assert not peer.seen

    run(scenario)


def test_grpc_s_upstreams_hear_how_long_the_caller_waits():
    async def scenario(plane, peer):
        route = Route(ANY, Forward((WeightedCluster("a"),), timeout=3.0, max_grpc_timeout=2.0))
        plane.publish(snapshot(cluster("a"), routes=[table(route)], listeners=[http()]))
        kind = (b"content-type", b"application/grpc")
        await plane.send(get(headers=[kind, (b"grpc-timeout", b"1S")]))
        await plane.send(get(headers=[kind]))
        await plane.send(get(headers=[(b"grpc-timeout", b"1S")]))
        told = [(dict(each).get(b"grpc-timeout"), dict(each)[b"x-envoy-expected-rq-timeout-ms"]) for each in peer.told]
        assert told == [(b"1000m", b"1000"), (b"2000m", b"2000"), (b"1S", b"3000")]
        assert any(each.verdict is not None for each in peer.manners), "its statuses count"

    run(scenario)


def test_a_router_may_keep_quiet():
    async def scenario(plane, peer):
        again = Retry(frozenset({"5xx"}), 1, first_delay=0.0, longest_delay=0.0)
        route = Route(ANY, Forward((WeightedCluster("a"),), timeout=3.0, retry=again))
        plane.publish(snapshot(cluster("a"), routes=[table(route)], listeners=[http(router=Router(suppresses=True))]))
        peer.status = 503
        await plane.send(get())
        assert len(peer.told) == 2
        assert not any(b"x-envoy-expected-rq-timeout-ms" in dict(each) for each in peer.told)
        assert peer.manners[-1].silent
        full = replace(cluster("a"), limits=replace(cluster("a").limits, requests=0))
        plane.publish(snapshot(full, routes=[table(route)], listeners=[http(router=Router(suppresses=True))]))
        assert (await plane.send(get())).header(b"x-envoy-overloaded") is None

    run(scenario)
