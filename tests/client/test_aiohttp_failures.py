"""aiohttp's session when upstreams fail: what the caller sees, what is tried again, what counts against a host."""

import asyncio
import io

import aiohttp
import pytest
from aiohttp import web

from tests.behaviour.world import OK, answering, entry, idle, mesh_of, until
from tests.client.aiohttp_world import NO_RETRY, both, meshed, meshed_site, policy, session_of, to_web

FAILING = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy"


@both
def test_errors_are_aiohttps_when_they_are_asked_for(watched, run, tmp_path):
    async def scenario():
        rule = to_web(NO_RETRY)
        async with meshed(tmp_path, [], rule, watched=watched, raise_errors=True) as (session, _, _):
            with pytest.raises(aiohttp.ClientConnectorError, match=r"^UH: cluster .* no host") as caught:
                await session.get("http://web/")
            assert (caught.value.flag, caught.value.status, caught.value.host) == ("UH", 503, "web")

    run(scenario())


@both
def test_a_host_that_does_not_listen_is_passed_over(watched, run, tmp_path):
    async def scenario():
        async with meshed(tmp_path, [answering(OK)], watched=watched) as (session, mesh, (up,)):
            (tmp_path / "mesh.yaml").write_text(entry(up.port, 1))
            (web,) = (each for name, each in mesh.upstreams.items() if "web" in name)
            await until(lambda: len(web.hosts) == 2)
            for _ in range(20):
                async with session.get("http://web/") as reply:
                    assert (reply.status, await reply.text()) == (200, "ok")
            assert {host.name.rpartition(":")[2]: bool(host.failures) for host in web.hosts.values()} == {
                str(up.port): False,
                "1": True,
            }

    run(scenario())


@both
def test_nobody_listens(watched, run, tmp_path):
    async def scenario():
        async with mesh_of(tmp_path, entry(1)) as mesh, session_of(mesh, watched=watched) as session:
            async with session.get("http://web/") as reply:
                assert reply.status == 503
                assert "remote connection failure" in await reply.text()

    run(scenario())


@both
def test_a_failing_instance_is_ejected(watched, run, tmp_path):
    outlier = (
        "outlierDetection: {consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 30s, maxEjectionPercent: 100}"
    )

    async def scenario():
        talks = [answering(OK), answering(FAILING)]
        async with meshed(tmp_path, talks, policy(outlier), watched=watched) as (session, _, _):
            statuses = []
            for _ in range(100):
                async with session.get("http://web/") as reply:
                    statuses.append(reply.status)
            assert statuses.count(500) == 3

    run(scenario())


@both
def test_limits_answer_at_once(watched, run, tmp_path):
    async def stall(reader, writer):
        await reader.read()

    async def scenario():
        limits = policy("connectionPool: {http: {http2MaxRequests: 1}}")
        async with meshed(tmp_path, [stall], limits, watched=watched) as (session, mesh, (up,)):
            first = asyncio.create_task(session.get("http://web/"))
            await until(lambda: up.connections == 1)
            async with session.get("http://web/") as reply:
                assert (reply.status, reply.headers["x-envoy-overloaded"]) == (503, "true")
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            assert idle(mesh)

    run(scenario())


def test_the_middleware_tries_again_after_a_response(run, tmp_path):
    async def scenario():
        rule = to_web("retries: {attempts: 2, retryOn: 5xx}")
        async with meshed(tmp_path, [answering(BUSY), answering(OK)], rule, watched=True) as (session, mesh, _):
            for _ in range(10):
                async with session.post("http://web/", data=b"") as reply:
                    assert (reply.status, await reply.text()) == (200, "ok")
            assert mesh.pools.counters.dialled <= 12
        async with meshed(tmp_path, [answering(BUSY)], rule) as (session, _, _):
            async with session.get("http://web/") as reply:
                assert (reply.status, await reply.text()) == (503, "busy")  # a connector cannot

    run(scenario())


def test_a_body_is_sent_again_if_it_can_be(run, tmp_path):
    bodies = []

    async def unwilling(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=503 if len(bodies) % 2 else 200)

    async def pieces():
        yield b"once"

    async def scenario():
        rule = to_web("retries: {attempts: 1, retryOn: 5xx}")
        async with meshed_site(tmp_path, {"no": unwilling}, rule, watched=True) as (session, _):
            async with session.post("http://web/no", data=b"again") as reply:
                assert (reply.status, bodies) == (200, [b"again"] * 2)
            bodies.clear()
            async with session.post("http://web/no", data=pieces()) as reply:
                assert (reply.status, bodies) == (503, [b"once"])

    run(scenario())


def test_a_file_is_sent_again(run, tmp_path):
    bodies = []

    async def unwilling(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=503 if len(bodies) == 1 else 200)

    async def scenario():
        rule = to_web("retries: {attempts: 1, retryOn: 5xx}")
        async with meshed_site(tmp_path, {"no": unwilling}, rule, watched=True) as (session, _):
            async with session.put("http://web/no", data=io.BytesIO(b"file")) as reply:
                assert (reply.status, bodies) == (200, [b"file"] * 2)

    run(scenario())


def test_an_upstream_that_hangs_up(run, tmp_path):
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")

    async def scenario():
        rule = to_web(NO_RETRY)
        async with meshed(tmp_path, [hang_up], rule) as (session, mesh, (up,)):
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.post("http://web/")
            (host,) = next(each for name, each in mesh.upstreams.items() if "web" in name).hosts.values()
            assert (up.connections, host.failures) == (1, 1)
        async with meshed(tmp_path, [hang_up], rule, watched=True) as (session, _, _):
            async with session.get("http://web/") as reply:
                assert (reply.status, "connection termination" in await reply.text()) == (503, True)
        nonsense = answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        async with meshed(tmp_path, [nonsense], rule) as (session, _, _):
            with pytest.raises(aiohttp.ClientResponseError):
                await session.get("http://web/")
        async with meshed(tmp_path, [nonsense], rule, watched=True) as (session, _, _):
            async with session.get("http://web/") as reply:
                assert (reply.status, "protocol error" in await reply.text()) == (502, True)

    run(scenario())


@both
def test_a_body_that_breaks_off_counts_against_the_host(watched, run, tmp_path):
    async def scenario():
        short = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", close=True)
        async with meshed(tmp_path, [short], watched=watched) as (session, mesh, _):
            async with session.get("http://web/") as reply:
                with pytest.raises(aiohttp.ClientPayloadError):
                    await reply.read()
            (host,) = next(each for name, each in mesh.upstreams.items() if "web" in name).hosts.values()
            assert host.failures == 1

    run(scenario())
