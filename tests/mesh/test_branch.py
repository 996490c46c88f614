"""A branch: the mesh's decisions over connections that somebody else brings."""

import asyncio
import gc

import pytest

from meshio.balancing.round_robin import RoundRobin
from meshio.errors import Closed, NoRoute
from meshio.matching import PathPrefix
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.message import Body, Request, Response
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints


def world(prefix: bytes) -> Snapshot:
    found = LoadAssignment("a", (LocalityEndpoints((Endpoint(("10.0.0.1", 80)),)),))
    route = Route((PathPrefix(prefix),), Forward((WeightedCluster("a"),), timeout=None))
    return Snapshot(
        listeners={"80": Listener("80", "0.0.0.0", 80, (FilterChain(HttpChain("80")),))},
        routes={"80": RouteTable("80", (VirtualHost("v", ("*",), (route,)),))},
        clusters={"a": Cluster("a", Static(found), RoundRobin())},
        assignments={},
    )


def saying(text: bytes):
    """An attempt that counts like one, and says which it is."""

    def attempt(upstream, manner):
        async def send(request: Request) -> Response:
            host = upstream.admit(request)
            host.requests += 1
            upstream.settle(host, 200, False, 0.0, 0.0)
            return Response(200, [], Body(text))

        return send

    return attempt


def get(path: bytes = b"/") -> Request:
    return Request(b"GET", b"a", path, [], host="a")


def test_a_branch_shares_the_hosts_and_follows_the_updates():
    async def main():
        plane = Dataplane(Identity(), saying(b"own"))
        early = plane.branch(saying(b"early"))
        with pytest.raises(Closed):
            await early.send(get())
        plane.publish(world(b"/"))
        late = plane.branch(saying(b"late"))
        answers = [(await each.send(get())).body.data for each in (plane, early, late)]
        assert answers == [b"own", b"early", b"late"]
        (host,) = plane.upstreams["a"].hosts.values()
        assert (host.requests, host.inflight) == (3, 0)
        plane.publish(world(b"/only"))
        assert (await late.send(get())).status == 404
        with pytest.raises(NoRoute):
            await early.dispatch(get())
        await plane.aclose()
        with pytest.raises(Closed):
            await late.send(get())

    asyncio.run(main(), debug=True)


def test_a_branch_that_nobody_holds_costs_nothing():
    async def main():
        plane = Dataplane(Identity(), saying(b"own"))
        plane.branch(saying(b"gone"))
        gc.collect()
        assert not plane._branches

    asyncio.run(main(), debug=True)
