"""httpx on a whole mesh: its own features go on working, and what the mesh answers itself has Envoy's shape."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web
from fastapi import FastAPI, Request

import meshio
from tests.behaviour.world import entry, idle, mesh_of, until

ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - match: [{uri: {exact: /teapot}}]
    directResponse: {status: 418, body: {string: short and stout}}
  - match: [{uri: {exact: /moved}}]
    redirect: {uri: /new, redirectCode: 301}
  - match: [{uri: {exact: /fault}}]
    fault: {abort: {httpStatus: 555, percentage: {value: 100}}}
    route: [{destination: {host: web}}]
  - match: [{uri: {exact: /timeout}}]
    timeout: 0.1s
    route: [{destination: {host: web}}]
  - match: [{uri: {exact: /nobody}}]
    route: [{destination: {host: nobody}}]
  - match: [{uri: {exact: /refused}}]
    route: [{destination: {host: refused}}]
    retries: {attempts: 0}
  - route: [{destination: {host: web}}]
"""
MORE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: nobody, namespace: default}
spec:
  hosts: [nobody.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  workloadSelector: {labels: {app: nobody}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: refused, namespace: default}
spec:
  hosts: [refused.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {http: 1}}]
"""


async def echo(request: web.Request) -> web.Response:
    told = {"path": request.raw_path, "headers": {k.lower(): v for k, v in request.headers.items()}}
    return web.json_response({**told, "body": await request.text()}, headers={"set-cookie": "taste=good"})


async def slow(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    if request.query.get("head") != "late":
        await response.prepare(request)
        await response.write(b"first")
    await asyncio.sleep(60)
    return response


async def drops(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(100):
        await response.write(b"%03d" % number)
    return response


async def moved_on(request: web.Request) -> web.Response:
    raise web.HTTPFound("http://web.default/after?all=1")


async def guarded(request: web.Request) -> web.Response:
    if "authorization" in request.headers:
        return web.Response(text=request.headers["authorization"])
    return web.Response(status=401, headers={"www-authenticate": 'Digest realm="r", nonce="n", qop="auth"'})


@asynccontextmanager
async def meshed(folder, **options):
    """A client over a mesh; afterwards nothing is under way."""
    app = web.Application()
    for path, handler in (("/slow", slow), ("/timeout", slow), ("/drops", drops), ("/302", moved_on), ("/in", guarded)):
        app.router.add_get(path, handler)
    app.router.add_route("*", "/{any:.*}", echo)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with mesh_of(folder, entry(runner.addresses[0][1]), ROUTES, MORE) as mesh:
            transport = meshio.MeshTransport(mesh, raise_errors=options.pop("raise_errors", False))
            async with httpx.AsyncClient(transport=transport, **options) as client:
                yield mesh, client
            await until(lambda: idle(mesh))
    finally:
        await runner.cleanup()


ANSWERS = [
    ("http://web/teapot", 418, "short and stout", ["-"]),
    ("http://web/moved", 301, "", ["-"]),
    ("http://web/fault", 555, "fault filter abort", ["FI"]),
    ("http://web/timeout?head=late", 504, "upstream request timeout", ["UT"]),
    ("http://web/nobody", 503, "no healthy upstream", ["UH"]),
    ("http://web/refused", 503, "upstream connect error or disconnect/reset before headers. reset reason: "
     "remote connection failure", ["UF"]),
]  # fmt: skip
IDS = [str(each[1]) + each[3][0] for each in ANSWERS]


@pytest.mark.parametrize(("url", "status", "text", "flags"), ANSWERS, ids=IDS)
def test_what_the_mesh_answers_itself_comes_back_as_envoy_would_say_it(url, status, text, flags, run, tmp_path):
    async def scenario():
        async with meshed(tmp_path) as (_mesh, client):
            response = await client.get(url)
            record = response.extensions["mesh"]
            assert (response.status_code, response.text) == (status, text)
            assert (record.flags or ["-"]) == flags
            assert response.headers["server"] == "envoy"
            assert "date" in response.headers
            if text:
                assert response.headers["content-type"] == "text/plain"
                assert response.headers["content-length"] == str(len(text))

    run(scenario())


RAISED = [
    ("http://web/timeout?head=late", httpx.ReadTimeout),
    ("http://web/nobody", httpx.ConnectError),
    ("http://web/refused", httpx.ConnectError),
]


@pytest.mark.parametrize(("url", "error"), RAISED)
def test_with_raise_errors_failures_raise_httpxs_errors_and_answers_stay_answers(url, error, run, tmp_path):
    async def scenario():
        async with meshed(tmp_path, raise_errors=True) as (_mesh, client):
            with pytest.raises(error) as caught:
                await client.get(url)
            assert caught.value.request.url == url
            assert (await client.get("http://web/teapot")).status_code == 418
            assert (await client.get("http://web/")).status_code == 200

    run(scenario())


def test_the_record_of_a_request_that_went_through_says_where_it_went(run, tmp_path):
    async def scenario():
        async with meshed(tmp_path) as (_mesh, client):
            record = (await client.get("http://web/")).extensions["mesh"]
            assert (record.flags, record.cluster) == ([], "outbound|80||web.default.svc.cluster.local")
            assert record.endpoint.startswith("127.0.0.1:")
            assert record.attempts == 1

    run(scenario())


def test_redirects_cookies_auth_hooks_and_the_base_url_are_httpxs(run, tmp_path):
    async def scenario():
        told = []

        async def hook(response):
            told.append((response.status_code, response.request.url.path))

        options = {"base_url": "http://web", "follow_redirects": True, "event_hooks": {"response": [hook]}}
        async with meshed(tmp_path, **options) as (_mesh, client):
            after = await client.get("/302")
            assert (after.url, after.json()["path"]) == ("http://web.default/after?all=1", "/after?all=1")
            assert (await client.get("/moved")).json()["path"] == "/new"  # the mesh's own redirect
            assert (await client.get("/")).json()["headers"].get("cookie") == "taste=good"
            assert (await client.get("/in", auth=httpx.DigestAuth("ann", "s"))).text.startswith("Digest username")
            assert (await client.get("/in", auth=("ann", "s"))).text == "Basic YW5uOnM="
            assert told[:2] == [(302, "/302"), (200, "/after")]

    run(scenario())


async def letters():
    for letter in (b"a", b"b", b"c"):
        await asyncio.sleep(0)
        yield letter


def test_bodies_stream_up_and_down_and_may_be_left(run, tmp_path):
    async def scenario():
        async with meshed(tmp_path) as (mesh, client):
            told = (await client.post("http://web/up", content=letters())).json()
            assert (told["body"], told["headers"]["transfer-encoding"]) == ("abc", "chunked")
            form = (await client.post("http://web/up", data={"a": "1"}, files={"f": b"file"})).json()
            assert "file" in form["body"]
            async with client.stream("GET", "http://web/drops") as response:
                whole = b"".join([chunk async for chunk in response.aiter_raw()])
            assert whole == b"".join(b"%03d" % number for number in range(100))
            async with client.stream("GET", "http://web/slow") as response:
                async for chunk in response.aiter_bytes():
                    assert chunk == b"first"
                    break
            assert idle(mesh)

    run(scenario())


@pytest.mark.parametrize("url", ["http://web/slow", "http://web/slow?head=late"], ids=["in the body", "before it"])
def test_a_request_has_its_own_timeout(url, run, tmp_path):
    async def scenario():
        async with meshed(tmp_path, timeout=60) as (mesh, client):
            with pytest.raises(httpx.ReadTimeout):
                await client.get(url, timeout=0.1)
            await until(lambda: idle(mesh))
            assert (await client.get("http://web/")).status_code == 200

    run(scenario())


def test_the_callers_mistakes_raise_as_httpxs(run, tmp_path):
    async def scenario():
        async with meshed(tmp_path) as (mesh, client):
            with pytest.raises(httpx.UnsupportedProtocol):
                await client.get("ftp://web/")
            with pytest.raises(httpx.LocalProtocolError):
                await client.get("http://web/", headers={"a b": "c"})
        with pytest.raises(RuntimeError, match="closed"):
            await client.get("http://web/")
        async with httpx.AsyncClient(transport=meshio.MeshTransport(mesh)) as late:
            with pytest.raises(RuntimeError, match="mesh is not running"):
                await late.get("http://web/")

    run(scenario())


def test_a_web_application_holds_its_mesh_for_its_lifetime(run, tmp_path):
    """FastAPI: the mesh is entered and left by the lifespan, and serves what its handlers ask for."""

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        async with meshed(tmp_path) as (mesh, client):
            app.state.mesh, app.state.client = mesh, client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/page")
    async def page(request: Request) -> dict[str, object]:
        state = request.app.state
        reply, response = await asyncio.gather(state.mesh.get("http://web/1"), state.client.get("http://web/2"))
        return {"native": reply.json()["path"], "httpx": response.json()["path"]}

    async def scenario():
        async with app.router.lifespan_context(app):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as user:
                assert (await user.get("/page")).json() == {"native": "/1", "httpx": "/2"}
        assert "closed" in repr(app.state.mesh)

    run(scenario())
