"""Clusters that the request itself decides about, through a whole data plane."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import wraps

import pytest

from meshio.balancing.hashing import HashHeader
from meshio.balancing.round_robin import RoundRobin
from meshio.matching import PathPrefix
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.explain import explain
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.message import Body, Request, Response
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.route import ByHash, ByHeader, Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints


def on_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: object, **named: object) -> None:
        asyncio.run(test(*arguments, **named))  # type: ignore[arg-type]

    return run


def cluster(name: str) -> Cluster:
    group = LocalityEndpoints((Endpoint((f"10.0.0.{ord(name)}", 80)),))
    return Cluster(name, Static(LoadAssignment(name, (group,))), RoundRobin())


def snapshot(action: Forward, *clusters: str, **host: object) -> Snapshot:
    table = RouteTable("80", (VirtualHost("v", ("*",), (Route((PathPrefix(b"/"),), action),), **host),))  # type: ignore[arg-type]
    return Snapshot(
        listeners={"l": Listener("l", "0.0.0.0", 80, (FilterChain(HttpChain("80")),))},
        routes={"80": table},
        clusters={name: cluster(name) for name in clusters},
    )


def asked(**headers: str) -> Request:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request(b"GET", b"svc", b"/", pairs, host="svc", port=80)


def plane(action: Forward, *clusters: str, **host: object) -> Dataplane:
    def attempt(upstream, manner):  # type: ignore[no-untyped-def]
        async def send(request: Request) -> Response:
            return Response(200, [(b"cluster", upstream.cluster.name.encode())], Body(), request.record)

        return send

    made = Dataplane(Identity(), attempt)
    made.publish(snapshot(action, *clusters, **host))
    return made


async def taken(plane: Dataplane, **headers: str) -> str:
    response = await plane.send(asked(**headers))
    return (response.header(b"cluster") or b"%d" % response.status).decode()


BY_HEADER = Forward((WeightedCluster("", header="x-to"),), timeout=None)
BY_NUMBER = Forward((WeightedCluster("a", 10), WeightedCluster("", 20, header="x-to")), draw=ByHeader("n"))
BY_HASH = Forward((WeightedCluster("a", 10), WeightedCluster("b", 20)), draw=ByHash(), hash_policies=(HashHeader("h"),))


@on_a_loop
async def test_a_header_names_the_cluster_and_an_update_is_seen() -> None:
    served = plane(BY_HEADER, "a")
    assert [await taken(served, **{"x-to": name}) for name in ("a", "a", "b", "")] == ["a", "a", "503", "503"]
    served.publish(snapshot(BY_HEADER, "b"))
    assert [await taken(served, **{"x-to": name}) for name in ("a", "b")] == ["503", "b"]
    served.publish(snapshot(BY_HEADER, "a", "b"))
    assert [await taken(served, **{"x-to": name}) for name in ("a", "b")] == ["a", "b"]
    assert await taken(served) == "503"


@on_a_loop
async def test_a_number_or_a_hash_decides() -> None:
    served = plane(BY_NUMBER, "a", "b")
    assert [await taken(served, n=n, **{"x-to": "b"}) for n in ("5", "15", "35")] == ["a", "b", "a"]
    served = plane(BY_HASH, "a", "b")
    assert "".join([await taken(served, h=value) for value in "abcdefghijkl"]) == "abbbbaabbbbb"  # Envoy 1.40's choice
    assert Counter([await taken(served) for _ in range(100)]).keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("action", "headers", "clusters"),
    [
        (BY_HEADER, {"x-to": "b"}, {"b": 100}),
        (BY_HEADER, {}, {"": 100}),
        (BY_NUMBER, {"n": "5"}, {"a": 100}),
        (BY_NUMBER, {"x-to": "b"}, {"a": 100 / 3, "b": 200 / 3}),
        (BY_HASH, {"h": "b"}, {"b": 100}),
        (BY_HASH, {}, {"a": 100 / 3, "b": 200 / 3}),
    ],
)
@on_a_loop
async def test_explain_tells_what_the_request_decides(
    action: Forward, headers: dict[str, str], clusters: dict[str, float]
) -> None:
    told = explain(plane(action, "a", "b"), asked(**headers))
    assert {choice.cluster: choice.share for choice in told.clusters} == pytest.approx(clusters)


@on_a_loop
async def test_plain_http_is_redirected_where_tls_is_required() -> None:
    served = plane(BY_HASH, "a", "b", secure=True)
    response = await served.send(asked())
    assert (response.status, response.header(b"location")) == (301, b"https://svc/")
    answer = explain(served, asked()).answer
    assert answer is not None
    assert answer.status == 301
    assert await taken(served, h="a", **{"x-forwarded-proto": "https"}) == "a"
