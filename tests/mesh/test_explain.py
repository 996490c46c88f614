"""`explain` tells what really happens."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.round_robin import RoundRobin
from meshio.matching import Exact, Header, Path, PathPrefix
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.explain import explain
from meshio.mesh.explanation import Explanation
from meshio.mesh.snapshot import Identity, Name, Snapshot
from meshio.message import Body, Request, Response, Send
from meshio.routing.listener import FilterChain, HttpChain, Listener, PathNormalisation, TcpChain
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.rewrite import HostLiteral, PrefixRewrite
from meshio.routing.route import DirectResponse, Forward, Redirect, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

ANN = Header(b"x-user", Exact(b"ann"))
BOTH = (WeightedCluster("v1", 80), WeightedCluster("v2", 20), WeightedCluster("off", 0))
REWRITTEN = Forward((WeightedCluster("v1"),), path_rewrite=PrefixRewrite("/new/"), host_rewrite=HostLiteral("inside"))
TOLD = HeaderMutation(add=(HeaderValue("x-told", "yes"),))
CALLER = HeaderMutation(add=(HeaderValue("x-caller", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),))
OWN = "10.9.9.9"

REVIEWS = VirtualHost(
    "reviews:9080",
    ("reviews.default.svc.cluster.local", "reviews"),
    (
        Route((Path(b"/moved"),), Redirect(status=302, path="/there"), name="moved"),
        Route((Path(b"/teapot"),), DirectResponse(418, b"short and stout"), name="teapot"),
        Route((PathPrefix(b"/old/"),), REWRITTEN, name="rewritten", request_headers=TOLD),
        Route((PathPrefix(b"/nobody/"),), Forward((WeightedCluster("empty"),)), name="nobody"),
        Route((PathPrefix(b"/gone/"),), Forward((WeightedCluster("missing"),)), name="gone"),
        Route((ANN,), Forward((WeightedCluster("v2"),)), name="canary", origin="virtual-service/reviews"),
        Route((PathPrefix(b"/reviews/"),), Forward(BOTH), name="default"),
    ),
    request_headers=CALLER,
    response_headers=CALLER,
)
HTTP = HttpChain("9080", paths=PathNormalisation(normalize=True))
LISTENERS = (
    Listener("0.0.0.0_9080", "0.0.0.0", 9080, (FilterChain(HTTP, name="http"),)),
    Listener("10.0.0.9_6379", "10.0.0.9", 6379, (FilterChain(TcpChain((WeightedCluster("v1"),)), name="tcp"),)),
    Listener("0.0.0.0_7000", "0.0.0.0", 7000, (FilterChain(HttpChain("7000")),)),
)


def cluster(name: str) -> Cluster:
    return Cluster(name, Eds(name), RoundRobin())


def assignment(name: str, *addresses: str) -> LoadAssignment:
    endpoints = tuple(Endpoint((address, 9080)) for address in addresses)
    return LoadAssignment(name, (LocalityEndpoints(endpoints),))


SNAPSHOT = Snapshot(
    listeners={listener.name: listener for listener in LISTENERS},
    routes={"9080": RouteTable("9080", (REVIEWS,), ignore_port=True)},
    clusters={name: cluster(name) for name in ("v1", "v2", "empty")},
    assignments={
        "v1": assignment("v1", "10.1.0.1", "10.1.0.2"),
        "v2": assignment("v2", "10.2.0.1"),
        "empty": assignment("empty"),
    },
    names={"reviews.default.svc.cluster.local": Name(("10.0.0.1",))},
)


class Wire:
    """The other end of every attempt: notes what would have been sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes, bytes, list[tuple[bytes, bytes]]]] = []

    def attempt(self, upstream: Upstream, avoid: int) -> Send:
        async def send(request: Request) -> Response:
            host = upstream.admit(request, avoid)
            request.record.cluster = upstream.name
            self.seen.append((upstream.name, request.authority, request.path, list(request.headers)))
            upstream.settle(host, 200, False, 0.001, 0.0)
            return Response(200, [], Body(b"ok"), request.record)

        return send


class Bench:
    """A published data plane, and a loop to ask it in."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.wire = Wire()
        self.plane = runner.run(self._published())

    async def _published(self) -> Dataplane:
        plane = Dataplane(Identity(OWN), self.wire.attempt)
        plane.publish(SNAPSHOT)
        return plane

    def explain(self, request: Request) -> Explanation:
        return explain(self.plane, request)

    def send(self, request: Request) -> Response:
        return self.runner.run(self.plane.send(request))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with asyncio.Runner(debug=True) as runner:
        bench = Bench(runner)
        yield bench
        runner.run(bench.plane.aclose())


def ask(path: str, *, host: str = "reviews", port: int = 9080, user: str = "", authority: str = "") -> Request:
    headers = [(b"x-user", user.encode())] if user else []
    return Request(b"GET", (authority or f"{host}:{port}").encode(), path.encode(), headers, host=host, port=port)


def test_the_way_is_told_from_the_destination_to_the_candidates(bench: Bench) -> None:
    told = bench.explain(ask("/reviews/1"))
    assert (told.host, told.port, told.addresses) == ("reviews", 9080, ("10.0.0.1",))
    assert (told.listener, told.chain, told.table) == ("0.0.0.0_9080", "http", "9080")
    assert (told.virtual_host, told.domain) == ("reviews:9080", "reviews")
    assert (told.route, told.action, told.timeout, told.answer) == ("default", "forward", 15.0, None)
    assert not told.high
    assert [(choice.cluster, choice.share) for choice in told.clusters] == [("v1", 80), ("v2", 20)]
    assert [(host.address, host.state) for host in told.clusters[0].hosts] == [
        ("10.1.0.1:9080", "takes requests: priority 0 takes 100 % of them"),
        ("10.1.0.2:9080", "takes requests: priority 0 takes 100 % of them"),
    ]


def test_routes_that_were_passed_over_say_why(bench: Bench) -> None:
    told = bench.explain(ask("/reviews/1", user="bob"))
    assert [passed.route for passed in told.passed] == ["moved", "teapot", "rewritten", "nobody", "gone", "canary"]
    assert (told.passed[-1].reason, told.passed[-1].origin) == (str(ANN), "virtual-service/reviews")


def test_what_would_be_sent_shows_the_rewrites(bench: Bench) -> None:
    (choice,) = bench.explain(ask("/old/1?a=b")).clusters
    assert (choice.authority, choice.path) == ("inside", "/new/1?a=b")
    assert ("x-told", "yes") in choice.headers


@pytest.mark.parametrize(
    ("path", "status", "flags"),
    [("/moved", 302, ""), ("/teapot", 418, ""), ("/nobody/", 503, "UH"), ("/gone/", 503, "NC"), ("/else", 404, "NR")],
)
def test_what_the_mesh_answers_itself_is_foretold(bench: Bench, path: str, status: int, flags: str) -> None:
    answer = bench.explain(ask(path)).answer
    assert answer is not None
    assert (answer.status, answer.flags) == (status, flags)


@pytest.mark.parametrize("path", ["/moved", "/teapot", "/reviews/1"])
def test_headers_that_name_the_caller_hold_this_instance_s_address(bench: Bench, path: str) -> None:
    told, response = bench.explain(ask(path)), bench.send(ask(path))
    shown = told.answer.headers if told.answer is not None else told.clusters[0].headers
    assert ("x-caller", OWN) in shown
    assert response.header(b"x-caller") == OWN.encode()


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ask("/", authority="elsewhere"), "no virtual host for 'elsewhere'"),
        (ask("/", port=7000), "no route table '7000'"),
        (ask("/", port=1), "no listener"),
    ],
)
def test_a_way_that_ends_early_says_where(bench: Bench, request_: Request, reason: str) -> None:
    answer = bench.explain(request_).answer
    assert answer is not None
    assert answer.flags == "NR"
    assert reason in answer.reason


def test_a_tcp_port_leads_to_its_cluster(bench: Bench) -> None:
    told = bench.explain(ask("/", host="10.0.0.9", port=6379))
    assert (told.action, [choice.cluster for choice in told.clusters]) == ("tcp proxy", ["v1"])
    assert told.answer is None


def test_a_tcp_port_whose_cluster_has_nobody_is_an_error(bench: Bench) -> None:
    upstream = bench.plane.upstreams["v1"]
    upstream.update(upstream.cluster, LoadAssignment("v1"))
    answer = bench.explain(ask("/", host="10.0.0.9", port=6379)).answer
    upstream.update(upstream.cluster, SNAPSHOT.assignments["v1"])
    assert answer is not None
    assert answer.flags == "UH"


def test_the_asked_request_stays_as_it_is(bench: Bench) -> None:
    request = ask("/old/../old/1", user="ann")
    bench.explain(request)
    assert (request.path, request.authority, request.headers) == (
        b"/old/../old/1",
        b"reviews:9080",
        [(b"x-user", b"ann")],
    )
    assert request.record.route == ""
    assert all(host.inflight == 0 for upstream in bench.plane.upstreams.values() for host in upstream.hosts.values())


def test_it_is_json(bench: Bench) -> None:
    for path in ("/reviews/1", "/teapot", "/gone/"):
        assert json.loads(json.dumps(bench.explain(ask(path)).as_dict()))["method"] == "GET"


paths = st.sampled_from(["/moved", "/teapot", "/old/", "/nobody/", "/gone/", "/reviews/", "/", "/a/../reviews/", "//"])
requests = st.builds(
    lambda path, tail, **rest: ask(path + tail, **rest),
    paths,
    st.sampled_from(["", "1", "?a=b", "../teapot"]),
    host=st.sampled_from(["reviews", "reviews.default", "10.0.0.1", "10.0.0.9", "nowhere"]),
    port=st.sampled_from([9080, 7000, 6379, 80]),
    user=st.sampled_from(["", "ann", "bob"]),
    authority=st.sampled_from(["", "reviews", "REVIEWS:1", "other"]),
)


@given(requests)
def test_what_is_told_is_what_happens(bench: Bench, request: Request) -> None:
    told = bench.explain(request)
    bench.wire.seen.clear()
    response = bench.send(request)
    record = response.record
    assert (told.route or "") == record.route
    assert told.route is None or told.virtual_host == record.virtual_host
    if told.answer is not None:
        assert not bench.wire.seen
        assert (told.answer.status, told.answer.body) == (response.status, response.body.data.decode())
        assert told.answer.flags == ",".join(record.flags)
    else:
        ((name, authority, path, headers),) = bench.wire.seen
        choice = {choice.cluster: choice for choice in told.clusters}[name]
        if told.action == "forward":
            assert (choice.authority, choice.path) == (authority.decode(), path.decode())
            assert {key.encode() for key, _ in choice.headers} <= {key for key, _ in headers}
