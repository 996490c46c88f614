"""A mesh from entering to leaving: what it waits for, what it says, what is left."""

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

import meshio
from meshio.errors import Closed, ConfigError, NotReady
from tests.behaviour.world import OK, Upstream, answering, idle, until
from tests.environment.scripted import Scripted, forwarding, run, saying, seen


def test_a_mesh_without_a_source_is_refused():
    with pytest.raises(ConfigError, match="at least one source"):
        meshio.Mesh([])


def test_a_mesh_is_entered_once_and_serves_only_inside():
    async def scenario():
        source = Scripted(saying(b"hello"))
        mesh = meshio.Mesh([source])
        with pytest.raises(Closed, match="async with"):
            await mesh.get("http://web/")
        assert "pending from script" in repr(mesh)
        async with mesh:
            assert "running from script" in repr(mesh)
            assert (await mesh.get("http://web/")).text == "hello"
            with pytest.raises(Closed, match="running; make a new one"):
                await mesh.__aenter__()
            assert (await mesh.get("http://web/")).text == "hello"
        assert "closed from script" in repr(mesh)
        assert source.running == 0
        with pytest.raises(Closed):
            await mesh.get("http://web/")
        with pytest.raises(Closed, match="closed; make a new one"):
            await mesh.__aenter__()
        await mesh.aclose()  # again is harmless

    run(scenario)


def test_the_log_says_where_the_configuration_comes_from(caplog):
    caplog.set_level(logging.INFO, "meshio")

    async def scenario():
        async with meshio.Mesh([Scripted(saying(b""), name="one"), Scripted(saying(b""), name="two")]):
            pass

    run(scenario)
    assert "mesh starts from one + two" in caplog.text


def test_a_source_that_has_said_everything_may_end():
    async def scenario():
        async with meshio.Mesh([Scripted(saying(b"hello"), None)]) as mesh:
            assert (await mesh.get("http://web/")).text == "hello"

    run(scenario)


def test_who_enters_is_told_what_is_missing():
    async def scenario():
        silent = Scripted()
        mesh = meshio.Mesh([silent, Scripted(saying(b"hello"), name="other")], ready_timeout=0.02)
        with pytest.raises(NotReady, match=r"no complete snapshot after 0\.02 s: script has said nothing"):
            await mesh.__aenter__()
        assert silent.running == 0

    run(scenario)


def test_a_source_that_ends_without_a_word_is_told_at_once():
    async def scenario():
        with pytest.raises(NotReady, match="script has said nothing"):
            async with meshio.Mesh([Scripted(None)], ready_timeout=15):
                raise AssertionError("there is nothing to serve")

    run(scenario)


def test_a_source_that_breaks_while_entering_is_the_news():
    async def scenario():
        other = Scripted(saying(b"hello"))
        with pytest.raises(ZeroDivisionError):
            async with meshio.Mesh([Scripted(ZeroDivisionError()), other]):
                raise AssertionError("there is nothing to serve")
        assert other.running == 0

    run(scenario)


def test_a_source_that_breaks_later_is_logged_and_the_last_snapshot_serves(caplog):
    async def scenario():
        source = Scripted(saying(b"hello"))
        async with meshio.Mesh([source]) as mesh:
            source.script.put_nowait(ZeroDivisionError())
            await until(lambda: "updates have stopped" in caplog.text)
            assert (await mesh.get("http://web/")).text == "hello"

    run(scenario)
    assert "ZeroDivisionError" in caplog.text


def test_entering_can_be_cancelled():
    async def scenario():
        source = Scripted()
        entering = asyncio.create_task(meshio.Mesh([source]).__aenter__())
        await until(lambda: source.running)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        assert source.running == 0

    run(scenario)


def test_a_mesh_closed_while_it_is_entered_says_so():
    async def scenario():
        source = Scripted()
        mesh = meshio.Mesh([source])
        entering = asyncio.create_task(mesh.__aenter__())
        await until(lambda: source.running)
        await mesh.aclose()
        with pytest.raises(Closed):
            await entering

    run(scenario)


def test_an_update_that_cannot_be_taken_over_does_not_keep_the_next_from_service(caplog):
    async def scenario():
        source = Scripted(saying(b"old"))
        async with meshio.Mesh([source]) as mesh:
            source.script.put_nowait(replace(saying(b"bad"), listeners={"80": None}))
            await until(lambda: "could not be taken over" in caplog.text)
            assert (await mesh.get("http://web/")).text == "old"
            source.script.put_nowait(saying(b"new"))
            await seen(mesh, "new")

    run(scenario)


def test_a_change_of_the_source_is_in_service_soon():
    async def scenario():
        source = Scripted(saying(b"old"))
        async with meshio.Mesh([source]) as mesh:
            await seen(mesh, "old")
            source.script.put_nowait(saying(b"new"))
            await seen(mesh, "new")

    run(scenario)


def test_of_two_sources_the_first_that_knows_a_host_wins_and_either_may_change():
    async def scenario():
        upper, lower = Scripted(saying(b"upper")), Scripted(saying(b"lower"))
        async with meshio.Mesh([upper, lower]) as mesh:
            await seen(mesh, "upper")
            upper.script.put_nowait(saying(b"upper", "elsewhere"))
            await seen(mesh, "lower")
            lower.script.put_nowait(saying(b"lower still"))
            await seen(mesh, "lower still")
            await seen(mesh, "upper", "http://elsewhere/")

    run(scenario)


def test_two_meshes_live_side_by_side():
    async def scenario():
        async with meshio.Mesh([Scripted(saying(b"one"))]) as one, meshio.Mesh([Scripted(saying(b"two"))]) as two:
            texts = [reply.text for reply in await asyncio.gather(one.get("http://web/"), two.get("http://web/"))]
            assert texts == ["one", "two"]
        await one.aclose()

    run(scenario)


@asynccontextmanager
async def mute():
    """A listening socket that takes requests and never answers; how many it has."""
    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], writers
    finally:
        server.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
        await server.wait_closed()


def test_requests_under_way_end_when_the_mesh_is_left():
    async def scenario():
        async with mute() as (port, writers):
            async with meshio.Mesh([Scripted(forwarding(port))]) as mesh:
                calls = [asyncio.create_task(mesh.get("http://web/")) for _ in range(5)]
                await until(lambda: len(writers) == 5)
            replies = await asyncio.wait_for(asyncio.gather(*calls), 1)
            assert {(reply.status, *reply.mesh.flags) for reply in replies} == {(503, "UC")}
            assert all(upstream.active == upstream.connections == 0 for upstream in mesh.upstreams.values())

    run(scenario)


def test_a_storm_of_updates_costs_no_request_and_leaves_no_connection_of_a_host_that_left():
    async def scenario():
        async with Upstream(answering(OK)).listening() as a, Upstream(answering(OK)).listening() as b:
            source, done, statuses = Scripted(forwarding(a.port)), False, set()
            async with meshio.Mesh([source]) as mesh:

                async def load():
                    while not done:
                        statuses.add((await mesh.get("http://web/")).status)

                callers = [asyncio.create_task(load()) for _ in range(10)]
                for ports in [(a.port,), (b.port,), (a.port, b.port)] * 50 + [(b.port,)]:
                    source.script.put_nowait(forwarding(*ports))
                    await asyncio.sleep(0.002)
                await until(lambda: a.open == 0)
                done = True
                await asyncio.gather(*callers)
                assert statuses == {200}
                assert idle(mesh)
                await until(lambda: b.open == mesh.pools.counters.open <= 10)

    run(scenario)
