"""aiohttp's session over the mesh, against servers that people run and upstreams that misbehave."""

import asyncio
import io
import ssl
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
import uvloop
from aiohttp import web

import meshio
from tests.behaviour.world import OK, Upstream, answering, entry, idle, mesh_of, until
from tests.transport.test_dial import TlsServer

FAILING = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy"
NO_RETRY = "retries: {attempts: 0}"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    def run(main):
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(debug=True, loop_factory=factory) as runner:
            return runner.run(main)

    return run


def routes(rule: str, host: str = "web") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {host}, namespace: default}}
spec:
  hosts: [{host}]
  http:
  - {rule}
"""


def to_web(*more: str) -> str:
    return routes("\n    ".join(["route: [{destination: {host: web}}]", *more]))


def policy(settings: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: default}}
spec:
  host: web
  trafficPolicy: {{{settings}}}
"""


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    seen = {"method": request.method, "path": request.raw_path, "host": request.host, "headers": dict(request.headers)}
    return web.json_response({**seen, "size": len(body), "body": body[:100].decode("latin-1")})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    async for chunk in request.content.iter_any():
        await response.write(chunk)
    return response


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


@asynccontextmanager
async def site(**handlers):
    """An aiohttp server; its port. Handlers by path, `echo` for the rest."""
    app = web.Application(client_max_size=1 << 30)
    for name, handler in handlers.items():
        app.router.add_route("*", f"/{name}", handler)
    app.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def session_of(mesh, *, watched=False, raise_errors=False, native=0, **options):
    """A session over the mesh, which leaves nothing behind but so many of the mesh's own connections."""
    middlewares = [meshio.aiohttp_middleware(mesh)] if watched else []
    connector = meshio.MeshConnector(mesh, raise_errors=raise_errors)
    async with aiohttp.ClientSession(connector=connector, middlewares=middlewares, **options) as session:
        yield session
    assert mesh.pools.counters.open == native
    assert idle(mesh)


@asynccontextmanager
async def meshed(folder, talks, *documents, **session):
    """Upstreams that talk like this, a mesh over them, a session over that."""
    async with AsyncExitStack() as stack:
        ups = [await stack.enter_async_context(Upstream(talk).listening()) for talk in talks]
        mesh = await stack.enter_async_context(mesh_of(folder, entry(*(up.port for up in ups)), *documents))
        yield await stack.enter_async_context(session_of(mesh, **session)), mesh, ups


@asynccontextmanager
async def meshed_site(folder, handlers, *documents, **session):
    async with site(**handlers) as port, mesh_of(folder, entry(port), *documents) as mesh:
        async with session_of(mesh, **session) as user:
            yield user, mesh


both = pytest.mark.parametrize("watched", [False, True], ids=["connector", "middleware"])


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


def test_a_mesh_that_has_ended(run, tmp_path):
    async def scenario():
        async with mesh_of(tmp_path, entry(1)) as mesh:
            connector = meshio.MeshConnector(mesh)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectionError, match="not running"):
                await session.get("http://web/")

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
