"""aiohttp's session over the mesh, against servers that people run."""

import ssl

import aiohttp
import pytest
from aiohttp import web

import meshio
from tests.behaviour.world import OK, answering, entry, idle, mesh_of, until
from tests.client.aiohttp_world import both, meshed, meshed_site, policy, routes, session_of, site, to_web
from tests.transport.test_dial import TlsServer


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    async for chunk in request.content.iter_any():
        await response.write(chunk)
    return response


@both
def test_each_request_is_balanced_and_connections_are_reused(watched, run, tmp_path):
    async def scenario():
        talks = [answering(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number) for number in range(2)]
        rotating = policy("loadBalancer: {simple: ROUND_ROBIN}")
        async with meshed(tmp_path, talks, rotating, watched=watched) as (session, mesh, ups):
            seen = []
            for _ in range(20):
                async with session.get("http://web/") as reply:
                    seen.append(await reply.text())
            assert sorted(seen) == ["0"] * 10 + ["1"] * 10
            assert [up.connections for up in ups] == [1, 1]
            assert mesh.pools.counters.idle == 2

    run(scenario())


@both
def test_routes_change_what_is_sent(watched, run, tmp_path):
    rule = to_web("rewrite: {uri: /v2, authority: inside.test}", "headers: {request: {set: {x-a: b}, remove: [x-b]}}")

    async def scenario():
        async with meshed_site(tmp_path, {}, rule, watched=watched) as (session, _):
            async with session.get("http://web/x%2Fy?q=%20", headers={"x-b": "c", "x-c": "ü"}) as reply:
                seen = await reply.json()
                assert str(reply.url) == "http://web/x%2Fy?q=%20"
            assert (seen["path"], seen["host"]) == ("/v2x%2Fy?q=%20", "inside.test")
            headers = {name.lower(): value for name, value in seen["headers"].items()}
            assert (headers["x-a"], headers["x-c"]) == ("b", "ü")
            assert "x-b" not in headers

    run(scenario())


@both
def test_bodies_go_both_ways_in_whatever_form(watched, run, tmp_path):
    async def pieces():
        for _ in range(16):
            yield b"x" * 65536

    async def scenario():
        async with meshed_site(tmp_path, {"stream": stream}, watched=watched) as (session, _):
            for given in (b"abc", {"json": 1}, None):
                async with (
                    session.post("http://web/", json=given)
                    if isinstance(given, dict)
                    else session.post("http://web/", data=given) as reply
                ):
                    assert (await reply.json())["size"] == {bytes: 3, dict: 11, type(None): 0}[type(given)]
            async with session.post("http://web/stream", data=pieces()) as reply:
                assert len(await reply.read()) == 1 << 20
            async with session.post("http://web/stream", data=b"y" * 1000) as reply:
                assert b"".join([chunk async for chunk in reply.content.iter_chunked(100)]) == b"y" * 1000
            form = aiohttp.FormData({"field": "value"})
            async with session.post("http://web/", data=form, expect100=True) as reply:
                assert (await reply.json())["body"] == "field=value"
            async with session.head("http://web/") as reply:
                assert (reply.status, await reply.read()) == (200, b"")

    run(scenario())


@both
def test_what_the_mesh_answers_itself_is_a_response(watched, run, tmp_path):
    rules = routes(
        "match: [{uri: {prefix: /direct}}]\n    directResponse: {status: 418, body: {string: short and stout}}\n"
        "  - match: [{uri: {prefix: /old}}]\n    redirect: {uri: /new}\n"
        "  - match: [{uri: {prefix: /fault}}]\n    fault: {abort: {httpStatus: 429, percentage: {value: 100}}}\n"
        "    route: [{destination: {host: web}}]\n"
        "  - match: [{uri: {prefix: /new}}]\n    route: [{destination: {host: web}}]"
    )

    async def scenario():
        async with meshed_site(tmp_path, {}, rules, watched=watched) as (session, _):
            async with session.get("http://web/direct") as reply:
                assert (reply.status, await reply.text()) == (418, "short and stout")
            async with session.head("http://web/direct") as reply:
                assert (reply.status, await reply.read()) == (418, b"")
            async with session.post("http://web/fault", data=b"x" * 1000) as reply:
                assert (reply.status, await reply.text()) == (429, "fault filter abort")
            async with session.get("http://web/elsewhere") as reply:
                assert (reply.status, await reply.text(), reply.headers["server"]) == (404, "", "envoy")
            async with session.get("http://web/old") as reply:
                assert (reply.status, (await reply.json())["path"]) == (200, "/new")
                assert [each.status for each in reply.history] == [301]

    run(scenario())


def test_the_middleware_changes_response_headers(run, tmp_path):
    async def cookies(request: web.Request) -> web.Response:
        return web.Response(headers={"set-cookie": "theirs=1", "x-b": "c"})

    async def scenario():
        change = "headers: {response: {set: {x-a: ü}, add: {set-cookie: ours=2}, remove: [x-b]}}"
        async with meshed_site(tmp_path, {"c": cookies}, to_web(change), watched=True) as (session, _):
            async with session.get("http://web/c") as reply:
                assert reply.headers["X-A"] == "ü"
                assert "x-b" not in reply.headers
                assert (b"x-a", "ü".encode()) in reply.raw_headers
                assert set(reply.cookies) == {"theirs", "ours"}
            assert {cookie.key for cookie in session.cookie_jar} == {"theirs", "ours"}

    run(scenario())


@both
def test_a_shadow_goes_over_the_meshs_own_connections(watched, run, tmp_path):
    shadows = []

    async def shadow(request: web.Request) -> web.Response:
        shadows.append((request.host, await request.read()))
        return web.Response()

    async def scenario():
        async with site(seen=shadow) as port:
            twin = entry(port).replace("name: web", "name: twin").replace("hosts: [web.", "hosts: [twin.")
            rule = to_web("mirror: {host: twin}")
            async with meshed_site(tmp_path, {}, twin, rule, watched=watched, native=1) as (session, mesh):
                async with session.post("http://web/seen", data=b"copied") as reply:
                    assert (await reply.json())["body"] == "copied"
                await until(lambda: shadows)
                assert shadows == [("web", b"copied")]
                await until(lambda: idle(mesh))

    run(scenario())


def test_traces_hear_of_connections(run, tmp_path):
    heard = []

    def hears(name):
        async def on(*_):
            heard.append(name)

        return on

    async def scenario():
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(hears("start"))
        trace.on_connection_create_end.append(hears("end"))
        trace.on_connection_reuseconn.append(hears("reuse"))
        async with meshed(tmp_path, [answering(OK)], trace_configs=[trace]) as (session, _, _):
            for _ in range(2):
                async with session.get("http://web/"):
                    pass
        assert heard == ["start", "end", "reuse"]

    run(scenario())


@both
def test_what_does_not_go_through_a_mesh_is_refused(watched, run, tmp_path):
    async def scenario():
        async with meshed(tmp_path, [answering(OK)], watched=watched) as (session, _, (up,)):
            with pytest.raises(aiohttp.InvalidURL, match="proxy"):
                await session.get("http://web/", proxy="http://proxy.test:3128")
            with pytest.raises(aiohttp.InvalidURL, match="SSLContext"):
                await session.get("https://web/", ssl=False)
            with pytest.raises(aiohttp.InvalidURL, match="tunnel"):
                await session.request("CONNECT", "http://web/")
            assert up.connections == 0

    run(scenario())


def test_an_https_url_gets_the_systems_trust_or_the_callers(run, tmp_path):
    unsure = ssl.create_default_context()
    unsure.check_hostname, unsure.verify_mode = False, ssl.CERT_NONE
    unsure.set_alpn_protocols(["http/1.1"])

    async def scenario():
        async with TlsServer() as server, mesh_of(tmp_path, entry(1)) as mesh, session_of(mesh) as session:
            url = f"https://127.0.0.1:{server.port}/"
            async with session.get(url, ssl=unsure) as reply:
                assert reply.status == 200
            async with session.get(url) as reply:
                assert (reply.status, "remote connection failure" in await reply.text()) == (503, True)

    run(scenario())


def test_the_middleware_says_what_it_needs(run, tmp_path):
    async def scenario():
        async with mesh_of(tmp_path, entry(1)) as mesh:
            async with aiohttp.ClientSession(middlewares=[meshio.aiohttp_middleware(mesh)]) as session:
                with pytest.raises(RuntimeError, match="connector=MeshConnector"):
                    await session.get("http://127.0.0.1:1/")

    run(scenario())


def test_another_middleware_may_answer_or_ask_twice(run, tmp_path):
    async def twice(request, handler):
        (await handler(request)).release()
        return await handler(request)

    async def scenario():
        async with meshed(tmp_path, [answering(OK)], watched=True) as (session, mesh, _):
            async with session.get("http://web/", middlewares=[meshio.aiohttp_middleware(mesh), twice]) as reply:
                assert (reply.status, await reply.text()) == (200, "ok")
            assert mesh.pools.counters.idle == mesh.pools.counters.open

    run(scenario())


def test_a_cookie_of_the_meshs_own_sticks(run, tmp_path):
    sticky = policy("loadBalancer: {consistentHash: {httpCookie: {name: who, ttl: 60s}}}")

    async def scenario():
        talks = [answering(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number) for number in range(4)]
        async with meshed(tmp_path, talks, sticky, watched=True) as (session, _, _):
            seen = set()
            for _ in range(10):
                async with session.get("http://web/") as reply:
                    seen.add(await reply.text())
            assert [cookie.key for cookie in session.cookie_jar] == ["who"]
            assert len(seen) == 1

    run(scenario())
