"""HTTP filters in front of clients that bring their own connections, and of those that do not."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
from aiohttp import web

import meshio
from meshio.resilience.admission import Admission
from meshio.resilience.buffering import Buffer
from meshio.resilience.concurrency import Concurrency
from meshio.resilience.fault import Fault, Fraction
from meshio.routing.filters import Filter
from meshio.routing.listener import FilterChain, HttpChain, Listener
from tests.behaviour.world import entry, mesh_of
from tests.client.aiohttp_world import both, session_of, site

ALL = Fraction(100)


def filtered(listener: Listener, filters: tuple[Filter, ...]) -> Listener:
    """The listener with these filters in place of its own."""

    def inserted(chain: FilterChain) -> FilterChain:
        target = chain.target
        return replace(chain, target=replace(target, filters=filters) if isinstance(target, HttpChain) else target)

    return replace(listener, chains=tuple(inserted(chain) for chain in listener.chains))


@asynccontextmanager
async def meshed(folder, *filters: Filter, **handlers):
    async with site(**handlers) as port, mesh_of(folder, entry(port)) as mesh:
        snapshot = mesh.snapshot
        listeners = {name: filtered(each, filters) for name, each in snapshot.listeners.items()}
        mesh._plane.publish(replace(snapshot, listeners=listeners))
        yield mesh


async def broken(request: web.Request) -> web.Response:
    return web.Response(status=500)


@both
def test_a_session_is_not_slowed_and_its_faults_are_counted_out(watched, run, tmp_path):
    async def scenario():
        fault = Fault(delay=0.01, delay_share=ALL, rate=1, rate_share=ALL)
        async with meshed(tmp_path, Filter("f", fault)) as mesh, session_of(mesh, watched=watched) as session:
            async with session.post("http://web/", data=b"x" * 10) as reply:
                assert (reply.status, (await reply.json())["size"]) == (200, 10)
            await asyncio.sleep(0)
            assert fault.active.count == 0

    run(scenario())


def test_httpx_is_slowed(run, tmp_path):
    async def scenario():
        fault = Fault(rate=1, rate_share=ALL)
        async with meshed(tmp_path, Filter("f", fault)) as mesh:
            async with httpx.AsyncClient(transport=meshio.MeshTransport(mesh)) as client:
                began = asyncio.get_running_loop().time()
                reply = await client.get("http://web/", headers={"x-long": "y" * 500})
                assert reply.json()["headers"]["x-long"] == "y" * 500
                assert asyncio.get_running_loop().time() - began > 0.3
            assert fault.active.count == 0

    run(scenario())


@both
def test_bodies_that_a_session_streams_reach_the_upstream_through_a_buffer(watched, run, tmp_path):
    async def pieces():
        for _ in range(4):
            yield b"12345"

    async def scenario():
        async with meshed(tmp_path, Filter("b", Buffer(10))) as mesh, session_of(mesh, watched=watched) as session:
            async with session.post("http://web/", data=b"1" * 11) as reply:
                assert (reply.status, await reply.text()) == (413, "Payload Too Large")
            async with session.post("http://web/", data=pieces()) as reply:
                assert (reply.status, (await reply.json())["size"]) == (200, 20)
            async with session.post("http://web/", data=pieces(), headers={"content-length": "20"}) as reply:
                assert reply.status == 413

    run(scenario())


@both
def test_what_a_session_meets_counts_for_admission_and_concurrency(watched, run, tmp_path):
    async def scenario():
        admission, concurrency = Admission(most=0.0), Concurrency(1.0, 60.0)
        filters = Filter("a", admission), Filter("c", concurrency)
        async with meshed(tmp_path, *filters, broken=broken) as mesh, session_of(mesh, watched=watched) as session:
            for path in ("broken", "fine", "broken"):
                async with session.get(f"http://web/{path}") as reply:
                    await reply.read()
            await asyncio.sleep(0)
            assert (admission.samples.total, admission.samples.successes) == (3, 1)
            assert (concurrency.state.outstanding, len(concurrency.state.samples)) == (0, 3)

    run(scenario())
