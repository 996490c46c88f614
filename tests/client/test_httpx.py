"""httpx over the mesh, against servers that people run."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from aiohttp import web

from meshio.balancing.round_robin import RoundRobin
from meshio.client.httpx import MeshTransport
from meshio.errors import Closed, NoRoute, RequestError
from meshio.message import Body, Response
from meshio.resilience.limits import Limits
from meshio.transport.pool import Pools
from meshio.upstream.cluster import Cluster, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream


class Direct:
    """A mesh of one cluster with one host; its failures are bare 5xx answers."""

    def __init__(self, port: int, limits: Limits) -> None:
        assignment = LoadAssignment("site", (LocalityEndpoints((Endpoint(("127.0.0.1", port)),)),))
        self.upstream, self.pools = Upstream(), Pools()
        self.upstream.update(Cluster("site", Static(assignment), RoundRobin(), limits=limits), assignment)
        (self.host,) = self.upstream.hosts.values()
        self.seen = []

    async def dispatch(self, request):
        self.seen.append(request)
        request.record.cluster = "site"
        connection = self.pools.idle(self.host, request)
        return await (connection or await self.pools.connect(self.upstream, self.host, request)).send(request)

    async def send(self, request):
        try:
            return await self.dispatch(request)
        except RequestError as error:
            request.record.flags.append(error.flag)
            return Response(error.status, [], Body(error.body), request.record)


@asynccontextmanager
async def meshed(port, *, raise_errors=False, limits=None, **client):
    mesh = Direct(port, limits or Limits())
    try:
        async with httpx.AsyncClient(transport=MeshTransport(mesh, raise_errors=raise_errors), **client) as user:
            user.mesh = mesh
            yield user
    finally:
        await mesh.pools.aclose()
        assert mesh.upstream.connections == mesh.upstream.pending == 0


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    seen = {"method": request.method, "path": request.raw_path, "host": request.host, "headers": dict(request.headers)}
    return web.json_response({**seen, "body": body.decode("latin-1")}, headers={"set-cookie": "taste=good"})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(5):
        await response.write(b"%d" % number * 1000)
        await asyncio.sleep(0.001)
    return response


async def redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound("/echo")


async def compressed(request: web.Request) -> web.Response:
    response = web.Response(text="squeeze " * 1000)
    response.enable_compression()
    return response


@asynccontextmanager
async def aiohttp_site():
    app = web.Application()
    app.router.add_route("*", "/stream", stream)
    app.router.add_route("*", "/redirect", redirect)
    app.router.add_route("*", "/compressed", compressed)
    app.router.add_route("*", "/{any:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


async def asgi(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    told = {"method": scope["method"], "path": scope["raw_path"].decode(), "body": body.decode("latin-1")}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


@asynccontextmanager
async def uvicorn_site():
    server = uvicorn.Server(uvicorn.Config(asgi, port=0, lifespan="off", ws="none", log_level="error"))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


@asynccontextmanager
async def scripted(script):
    conversations = set()

    async def serve(reader, writer):
        conversations.add(asyncio.current_task())
        try:
            await script(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await asyncio.sleep(0)


def says(reply: bytes):
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await asyncio.Event().wait()

    return script


@pytest.mark.parametrize("site", [aiohttp_site, uvicorn_site])
def test_bodies_of_every_kind_arrive(run, site):
    async def pieces():
        for piece in (b"one ", b"two"):
            yield piece

    async def main():
        async with site() as port, meshed(port) as client:
            got = [
                (await client.post("http://site/a?b=c", **what)).json()
                for what in ({"content": b"one two"}, {"content": pieces()}, {"data": {"k": "v"}}, {"json": [1]},
                             {"files": {"f": b"file"}})
            ]  # fmt: skip
            assert [each["body"] for each in got[:4]] == ["one two", "one two", "k=v", "[1]"]
            assert "file" in got[4]["body"] and {each["method"] for each in got} == {"POST"}
            assert client.mesh.pools.counters.dialled == 1
            assert (await client.head("http://site/")).status_code == 200
            assert (await client.get("http://site/")).status_code == 200

    run(main())


def test_the_request_goes_out_as_it_was_written(run):
    async def main():
        async with aiohttp_site() as port, meshed(port) as client:
            reply = await client.get("http://site:9080/a%2Fb?x=%7e", headers={"host": "other.example", "x-user": "ann"})
            told = reply.json()
            assert (told["path"], told["host"]) == ("/a%2Fb?x=%7e", "other.example")
            assert told["headers"]["x-user"] == "ann" and "connection" not in map(str.lower, told["headers"])
            (request,) = client.mesh.seen
            assert (request.host, request.port, request.authority) == ("site", 9080, b"other.example")
            assert reply.extensions["mesh"].cluster == "site"
            assert (reply.http_version, reply.reason_phrase) == ("HTTP/1.1", "OK")
            await client.get("http://site/")
            assert (client.mesh.seen[-1].port, client.mesh.seen[-1].port_given) == (80, False)

    run(main())


def test_what_httpx_does_above_a_transport_goes_on_working(run):
    events = []

    async def main():
        async def hook(response):
            events.append(response.status_code)

        options = {"auth": ("ann", "secret"), "follow_redirects": True, "base_url": "http://site"}
        async with aiohttp_site() as port, meshed(port, event_hooks={"response": [hook]}, **options) as client:
            told = (await client.get("/redirect")).json()
            assert told["path"] == "/echo" and told["headers"]["Authorization"].startswith("Basic ")
            assert (await client.get("/again")).json()["headers"]["Cookie"] == "taste=good"
            assert (await client.get("/compressed")).text == "squeeze " * 1000
            assert events == [302, 200, 200, 200]

    run(main())


def test_downloads_stream(run):
    async def main():
        async with aiohttp_site() as port, meshed(port) as client:
            async with client.stream("GET", "http://site/stream") as reply:
                size = sum([len(chunk) async for chunk in reply.aiter_raw()])
            assert size == 5000 and client.mesh.pools.counters.idle == 1
            async with client.stream("GET", "http://site/stream") as reply:
                with pytest.raises(RuntimeError, match="sync"):
                    reply.iter_raw().__next__()
            for _ in range(100):
                if not client.mesh.pools.counters.open:
                    break
                await asyncio.sleep(0.005)
            assert client.mesh.pools.counters.open == 0

    run(main())


@pytest.mark.parametrize(
    ("reply", "timeout", "error"),
    [
        (b"", httpx.Timeout(None, read=0.1), httpx.ReadTimeout),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", httpx.Timeout(None, read=0.1), httpx.ReadTimeout),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", httpx.Timeout(0.1), httpx.ReadTimeout),
    ],
)
def test_a_read_timeout_is_httpxs(run, reply, timeout, error):
    async def main():
        async with scripted(says(reply)) as port, meshed(port, timeout=timeout) as client:
            with pytest.raises(error):
                await client.get("http://site/")

    run(main())


def test_pool_and_write_timeouts_are_httpxs(run):
    async def endless():
        while True:
            yield b"x" * 100_000

    async def main():
        async with scripted(says(b"")) as port, meshed(port, limits=Limits(connections=1)) as client:
            upload = client.post("http://site/", content=endless(), timeout=httpx.Timeout(None, write=0.3))
            uploading = asyncio.create_task(upload)
            await asyncio.sleep(0.05)
            with pytest.raises(httpx.PoolTimeout):
                await client.get("http://site/", timeout=httpx.Timeout(None, pool=0.01))
            with pytest.raises(httpx.WriteTimeout):
                await uploading

    run(main())


def test_a_cancellation_from_outside_stays_a_cancellation(run):
    async def main():
        async with scripted(says(b"")) as port, meshed(port, timeout=30) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.get("http://site/")

    run(main())


@pytest.mark.parametrize(
    ("reply", "error", "status"),
    [
        (b"", httpx.ReadError, 503),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n", httpx.RemoteProtocolError, 502),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError, 502),
    ],
)
def test_failures_are_responses_or_errors_as_asked(run, reply, error, status):
    async def once(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)

    async def main():
        async with scripted(once) as port:
            async with meshed(port) as client:
                answer = await client.get("http://site/")
                assert answer.status_code == status and answer.extensions["mesh"].flags
            async with meshed(port, raise_errors=True) as client:
                with pytest.raises(error):
                    await client.get("http://site/")
        async with meshed(port) as client:
            assert (await client.get("http://site/")).status_code == 503
        async with meshed(port, raise_errors=True) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("http://site/")

    run(main())


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        (b"Content-Length: 9\r\n\r\nhi", httpx.RemoteProtocolError),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n", httpx.RemoteProtocolError),
    ],
)
def test_a_body_that_breaks_off_raises_either_way(run, rest, error):
    async def broken(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        head, _, body = rest.partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        await asyncio.sleep(0.02)
        writer.write(body)

    async def main():
        async with scripted(broken) as port, meshed(port) as client:
            with pytest.raises(error):
                await client.get("http://site/")

    run(main())


def test_the_callers_mistakes_raise_as_httpxs_do(run):
    async def main():
        async with scripted(says(b"")) as port, meshed(port) as client:
            for url in ("ftp://site/", "site/", "/only/a/path"):
                with pytest.raises(httpx.UnsupportedProtocol):
                    await client.get(url)
            with pytest.raises(httpx.LocalProtocolError):
                await client.request("B AD", "http://site/")

            async def closed(request):
                raise Closed("over")

            client._transport._send = closed
            with pytest.raises(RuntimeError, match="not running"):
                await client.get("http://site/")

            async def lost(request):
                raise NoRoute("nowhere")

            client._transport._send = lost
            with pytest.raises(httpx.ConnectError, match="nowhere"):
                await client.get("http://site/")

    run(main())


def test_the_synchronous_client_is_refused_in_words():
    transport = MeshTransport(Direct(1, Limits()))
    with pytest.raises(RuntimeError, match=r"httpx\.AsyncClient"), httpx.Client(transport=transport):
        pass
    with pytest.raises(RuntimeError, match=r"httpx\.AsyncClient"):
        httpx.Client(transport=transport).get("http://site/")


def test_an_ordinary_file_like_iterator_is_not_taken_for_an_async_body(run):
    async def main():
        async with meshed(1) as client:
            with pytest.raises(RuntimeError, match="sync"):
                await client.post("http://site/", content=iter([b"a"]))

    run(main())
