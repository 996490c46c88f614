"""Requests of high priority go their own way to the same hosts, whichever client sends them."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import httpx
import pytest

import meshio
from meshio.cli.explain import fate
from meshio.matching import PathPrefix
from meshio.mesh.snapshot import Identity
from meshio.resilience.limits import Limits
from meshio.routing.route import Route
from meshio.upstream.cluster import Static
from tests.behaviour.world import Upstream, answering, idle
from tests.mesh.planes import ANY, assignment, cluster, get, snapshot, table, to

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NONE = Limits(requests=0)


class Told:
    """A source with one snapshot to tell."""

    identity = Identity()

    def __init__(self, port: int, **limits: Limits) -> None:
        found = assignment("up", port)
        (group,) = found.localities
        (endpoint,) = group.endpoints
        here = replace(found, localities=(replace(group, endpoints=(replace(endpoint, address=("127.0.0.1", port)),)),))
        routes = table(Route((PathPrefix(b"/high"),), to("up", high=True)), Route(ANY, to("up")))
        self._told = snapshot(replace(cluster("up", Static(here)), **limits), routes=[routes])

    def missing(self) -> str:
        return ""

    async def snapshots(self):
        yield self._told


@asynccontextmanager
async def native(mesh):
    async def status(path):
        return (await mesh.get(f"http://web{path}")).status

    yield status


@asynccontextmanager
async def over_httpx(mesh):
    async with httpx.AsyncClient(transport=meshio.MeshTransport(mesh)) as client:

        async def status(path):
            return (await client.get(f"http://web{path}")).status_code

        yield status


@asynccontextmanager
async def over_aiohttp(mesh):
    async with aiohttp.ClientSession(connector=meshio.MeshConnector(mesh)) as session:

        async def status(path):
            async with session.get(f"http://web{path}") as reply:
                await reply.read()
                return reply.status

        yield status


@asynccontextmanager
async def watched(mesh):
    middlewares = [meshio.aiohttp_middleware(mesh)]
    async with aiohttp.ClientSession(connector=meshio.MeshConnector(mesh), middlewares=middlewares) as session:

        async def status(path):
            async with session.get(f"http://web{path}") as reply:
                await reply.read()
                return reply.status

        yield status


clients = pytest.mark.parametrize("client", [native, over_httpx, over_aiohttp, watched])


@asynccontextmanager
async def meshed(client, **limits):
    async with Upstream(answering(OK)).listening() as up, meshio.Mesh([Told(up.port, **limits)]) as mesh:
        async with client(mesh) as status:
            yield status, mesh, up
        assert idle(mesh)
        assert [(each.active, each.pending) for each in mesh.upstreams["up"].breakers] == [(0, 0), (0, 0)]


@clients
def test_each_priority_keeps_its_connection(client, run):
    async def scenario():
        async with meshed(client) as (status, mesh, up):
            assert [await status(path) for path in ("/", "/high", "/", "/high")] == [200] * 4
            assert up.connections == 2
            assert [each.connections for each in mesh.upstreams["up"].breakers] == [1, 1]

    run(scenario())


@clients
@pytest.mark.parametrize("limited", ["limits", "high_limits"])
def test_what_is_too_much_for_one_is_not_for_the_other(client, limited, run):
    async def scenario():
        async with meshed(client, **{limited: NONE}) as (status, _, _):
            refused, served = ("/", "/high") if limited == "limits" else ("/high", "/")
            assert [await status(path) for path in (refused, served, refused, served)] == [503, 200, 503, 200]

    run(scenario())


@clients
def test_who_waits_is_not_under_way(client, run):
    async def scenario():
        one = Limits(connections=1, requests=1)
        async with meshed(client, limits=one, high_limits=one) as (status, _, up):
            statuses = await asyncio.gather(*(status(path) for path in ("/", "/high") * 4))
            assert statuses == [200] * 8
            assert up.connections == 2

    run(scenario())


def test_it_is_told_that_a_request_has_high_priority(run):
    async def scenario():
        async with meshed(native) as (status, mesh, _):
            await status("/high")
            assert ("priority", "high: connections and limits of its own") in fate(mesh.explain(get(b"/high", "web")))
            assert "priority" not in dict(fate(mesh.explain(get(b"/", "web"))))

    run(scenario())
