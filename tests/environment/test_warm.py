"""`mesh.warm`: connections that are there before the first request."""

import asyncio
from contextlib import AsyncExitStack

import pytest

import meshio
from tests.behaviour.world import OK, Upstream, answering, entry, mesh_of

SPLIT = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /other}}]
    route: [{destination: {host: other}}]
  - route: [{destination: {host: web}}]
"""
LIMIT = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, trafficPolicy: {connectionPool: {tcp: {maxConnections: 3}}}}
"""
OTHER = ("name: web", "name: other"), ("hosts: [web.", "hosts: [other.")


def warmed(tmp_path, service, connections, *documents, ups=2, dead=()):
    """What `warm` returns, the connections that each upstream got, and what a request adds to them."""

    async def scenario():
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(Upstream(answering(OK)).listening()) for _ in range(ups)]
            entries = [entry(*(peer.port for peer in peers), *dead)]
            mesh = await stack.enter_async_context(mesh_of(tmp_path, *entries, *documents))
            count = await mesh.warm(service, connections)
            made = [peer.connections for peer in peers]
            assert mesh.pools.counters.idle == sum(made) == count
            for _ in range(4):
                assert (await mesh.get("http://web/")).status == 200
            if not dead:
                assert mesh.pools.counters.dialled == count
            return made

    return asyncio.run(scenario(), debug=True)


@pytest.mark.parametrize("service", ["web", "web:80", "web.default.svc.cluster.local", "http://web/some/path"])
def test_every_endpoint_gets_its_connections(service, tmp_path):
    assert warmed(tmp_path, service, 2) == [2, 2]


def test_a_clusters_limit_holds(tmp_path):
    assert sum(warmed(tmp_path, "web", 5, LIMIT)) == 3


def test_an_endpoint_that_does_not_listen_is_left_out(tmp_path):
    assert warmed(tmp_path, "web", 1, dead=(1,)) == [1, 1]


def test_all_the_clusters_of_a_service_are_meant(tmp_path):
    async def scenario():
        async with Upstream(answering(OK)).listening() as web, Upstream(answering(OK)).listening() as other:
            second = entry(other.port)
            for old, new in OTHER:
                second = second.replace(old, new)
            async with mesh_of(tmp_path, entry(web.port), second, SPLIT) as mesh:
                assert await mesh.warm("web") == 2
                assert await mesh.warm("web") == 2  # again: they are there
                assert (web.connections, other.connections) == (1, 1)

    asyncio.run(scenario(), debug=True)


def test_requests_meanwhile_share_the_dials(tmp_path):
    async def scenario():
        async with Upstream(answering(OK)).listening() as up, mesh_of(tmp_path, entry(up.port)) as mesh:
            warming, reply = await asyncio.gather(mesh.warm("web", 4), mesh.get("http://web/"))
            assert (warming, reply.status, up.connections) == (4, 200, 4)

    asyncio.run(scenario(), debug=True)


def test_what_cannot_be_warmed_is_said(tmp_path):
    async def scenario():
        async with mesh_of(tmp_path, entry(1)) as mesh:
            with pytest.raises(meshio.BadRequest):
                await mesh.warm("we b")
            assert await mesh.warm("web") == 0
            assert await mesh.warm("nowhere.test") == 0  # passed through: nobody knows its endpoints
        with pytest.raises(meshio.Closed):
            await mesh.warm("web")

    asyncio.run(scenario(), debug=True)
