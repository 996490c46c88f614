"""aiohttp's session when something ends: time runs out, callers give up, endpoints leave, the mesh closes."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

import meshio
from tests.behaviour.world import OK, Upstream, answering, entry, idle, mesh_of, until
from tests.client.aiohttp_world import NO_RETRY, both, meshed, meshed_site, session_of, to_web


async def endless(reader, writer):
    """A head at once, a body that does not end."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")
    await reader.read()


async def shout(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data.upper())
    return socket


def test_a_stalling_upstream_meets_the_routes_timeout(run, tmp_path):
    async def stall(reader, writer):
        await reader.read()

    async def scenario():
        rule = to_web(NO_RETRY, "timeout: 0.1s")
        async with meshed(tmp_path, [stall], rule) as (session, _, (up,)):
            with pytest.raises(aiohttp.ServerTimeoutError, match=r"^UT: "):
                await session.get("http://web/")
            await until(lambda: up.open == 0)
        async with meshed(tmp_path, [stall], rule, watched=True) as (session, _, (up,)):
            async with session.get("http://web/") as reply:
                assert (reply.status, await reply.text()) == (504, "upstream request timeout")
        async with meshed(tmp_path, [stall], rule, watched=True, raise_errors=True) as (session, _, _):
            with pytest.raises(aiohttp.ServerTimeoutError, match=r"^UT: "):
                await session.get("http://web/")

    run(scenario())


@both
def test_a_body_that_does_not_end_meets_the_routes_timeout(watched, run, tmp_path):
    async def scenario():
        rule = to_web("timeout: 0.2s")
        async with meshed(tmp_path, [endless], rule, watched=watched) as (session, mesh, _):
            async with session.get("http://web/") as reply:
                assert reply.status == 200
                assert await reply.content.readany() == b"first"
                with pytest.raises(aiohttp.ServerTimeoutError, match=r"^UT: "):
                    await reply.read()
            assert idle(mesh)

    run(scenario())


@both
def test_the_clients_own_timeouts_hold(watched, run, tmp_path):
    async def stall(reader, writer):
        await reader.read()

    async def scenario():
        async with meshed(tmp_path, [stall], watched=watched) as (session, mesh, _):
            for timeout in (aiohttp.ClientTimeout(total=0.1), aiohttp.ClientTimeout(sock_read=0.1)):
                with pytest.raises(asyncio.TimeoutError):
                    await session.get("http://web/", timeout=timeout)
            assert idle(mesh)

    run(scenario())


@both
def test_cancelled_requests_leave_nothing_behind(watched, run, tmp_path):
    async def stall(reader, writer):
        await reader.read()

    async def scenario():
        async with meshed(tmp_path, [stall, answering(OK)], watched=watched) as (session, mesh, _):
            calls = [asyncio.create_task(session.get("http://web/")) for _ in range(50)]
            await until(lambda: mesh.pools.counters.open > 20)
            for call in calls:
                call.cancel()
            for reply in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(reply, aiohttp.ClientResponse):
                    reply.release()
            await until(lambda: idle(mesh))

    run(scenario())


@both
def test_a_websocket_outlives_the_routes_timeout(watched, run, tmp_path):
    async def scenario():
        rule = to_web("timeout: 0.1s")
        async with meshed_site(tmp_path, {"ws": shout}, rule, watched=watched) as (session, mesh):
            async with session.ws_connect("ws://web/ws") as socket:
                await asyncio.sleep(0.2)
                await socket.send_str("loud")
                assert await socket.receive_str() == "LOUD"
                assert not idle(mesh)
            await until(lambda: idle(mesh))

    run(scenario())


@both
def test_a_websocket_that_the_mesh_refuses(watched, run, tmp_path):
    async def scenario():
        async with meshed(tmp_path, [], watched=watched) as (session, _, _):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect("ws://web/ws")
            assert caught.value.status == 503

    run(scenario())


@both
def test_endpoints_that_leave_take_their_connections_along(watched, run, tmp_path):
    async def scenario():
        talks = [answering(OK), answering(OK)]
        async with meshed(tmp_path, talks, watched=watched) as (session, _, (old, new)):
            (tmp_path / "mesh.yaml").write_text(entry(old.port))
            while new.open or not old.open:
                async with session.get("http://web/") as reply:
                    assert reply.status == 200
            (tmp_path / "mesh.yaml").write_text(entry(new.port))
            while old.open:
                async with session.get("http://web/") as reply:
                    assert reply.status == 200

    run(scenario())


@both
def test_a_mesh_that_ends_under_a_request(watched, run, tmp_path):
    async def stall(reader, writer):
        await reader.read()

    async def scenario():
        async with AsyncExitStack() as stack:
            up = await stack.enter_async_context(Upstream(stall).listening())
            (tmp_path / "mesh.yaml").write_text(entry(up.port))
            mesh = await stack.enter_async_context(meshio.Mesh.from_env({"MESHIO_CONFIG": str(tmp_path)}))
            session = await stack.enter_async_context(session_of(mesh, watched=watched, raise_errors=True))
            call = asyncio.create_task(session.post("http://web/"))
            await until(lambda: up.connections == 1)
            await mesh.aclose()
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await call

    run(scenario())


def test_a_mesh_that_has_ended(run, tmp_path):
    async def scenario():
        async with mesh_of(tmp_path, entry(1)) as mesh:
            connector = meshio.MeshConnector(mesh)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectionError, match="not running"):
                await session.get("http://web/")

    run(scenario())
