"""The gateway example under uvicorn: what a client of it and an upstream behind it see, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
import uvloop
from aiohttp import ClientSession, WSCloseCode, WSMsgType, WSServerHandshakeError, web

from tests.behaviour.world import OK, Upstream, answering, entry, idle, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "gateway"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PIECE = b"x" * 65536
PIECES = 1024  # 64 MB: more than all the sockets on the way hold


@dataclass
class Site:
    """A gateway that runs."""

    port: int
    app: object

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def ask(self, request: bytes) -> bytes:
        """All that comes back until the gateway closes."""
        async with self.client() as (reader, writer):
            writer.write(request)
            return await reader.read()


@pytest.fixture
def gateway(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setenv("MESHIO_CONFIG", str(tmp_path))
    from gateway import Gateway
    from hop import Hosts

    @asynccontextmanager
    async def running(*ports: int, hosts: str = "") -> AsyncIterator[Site]:
        (tmp_path / "mesh.yaml").write_text(entry(*ports))
        app = Gateway(Hosts.parse(hosts))
        config = uvicorn.Config(
            app, port=0, lifespan="on", http="httptools", ws="wsproto", log_level="critical",
            server_header=False, date_header=False, proxy_headers=False,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started or serving.done())
        try:
            yield Site(server.servers[0].sockets[0].getsockname()[1], app)
            await until(lambda: idle(app.mesh))
        finally:
            server.should_exit = True
            await serving

    return running


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    def run(main):
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(debug=True, loop_factory=factory) as runner:
            return runner.run(main)

    return run


def recording(heads: list[list[bytes]], answer: bytes):
    """An upstream that keeps the lines of each request head."""

    async def talk(reader, writer):
        while True:
            heads.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[:-2])
            writer.write(answer)

    return talk


def request(*lines: bytes, start: bytes = b"GET / HTTP/1.1", host: bytes = b"web", body: bytes = b"") -> bytes:
    return b"\r\n".join([start, b"host: " + host, *lines, b"", body])


async def at_rest(count) -> int:
    """The counter, once it has stopped."""
    before = -1
    while before != count() or count() <= 0:
        before = count()
        await asyncio.sleep(0.3)
    return before


# Heads


def test_headers_of_one_connection_do_not_reach_the_upstream(run, gateway):
    heads: list[list[bytes]] = []
    sent = request(
        b"Connection: close, X-Hop, x-forwarded-proto", b"X-Hop: 1", b"Keep-Alive: timeout=5", b"TE: trailers",
        b"Proxy-Connection: close", b"Upgrade: h2c", b"Trailer: x-sum", b"X-End: 1",
        b"X-Forwarded-For: 10.0.0.1", b"X-Forwarded-Proto: https", b"Via: 1.0 edge", b"Cookie: a=1", b"Cookie: b=2",
        start=b"GET /a%2Fb?c=%20&d HTTP/1.1",
    )  # fmt: skip

    async def scenario():
        async with Upstream(recording(heads, OK)).listening() as upstream, gateway(upstream.port) as site:
            assert (await site.ask(sent)).endswith(b"\r\n\r\nok")

    run(scenario())
    (head,) = heads
    assert head[:2] == [b"GET /a%2Fb?c=%20&d HTTP/1.1", b"host: web"]
    said = [line for line in head[2:] if not line.startswith((b"x-envoy-", b"x-request-id"))]
    assert sorted(said) == [
        b"cookie: a=1", b"cookie: b=2", b"via: 1.0 edge, 1.1 meshio-gateway", b"x-end: 1",
        b"x-forwarded-for: 10.0.0.1, 127.0.0.1", b"x-forwarded-host: web", b"x-forwarded-proto: http",
    ]  # fmt: skip


def test_headers_of_one_connection_do_not_reach_the_client(run, gateway):
    answer = (
        b"HTTP/1.1 203 Yes\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=9\r\nupgrade: h2c\r\n"
        b"set-cookie: a=1\r\nset-cookie: b=2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n"
    )

    async def scenario():
        async with Upstream(answering(answer)).listening() as upstream, gateway(upstream.port) as site:
            got = await site.ask(request(b"connection: close"))
            head, _, body = got.partition(b"\r\n\r\n")
            assert body == b"2\r\nok\r\n0\r\n\r\n"
            assert head.startswith(b"HTTP/1.1 203 ")
            names = [line.split(b":")[0] for line in head.split(b"\r\n")[1:]]
            assert sorted(names) == [
                b"connection", b"set-cookie", b"set-cookie", b"transfer-encoding", b"x-envoy-upstream-service-time"
            ]  # fmt: skip
            assert b"connection: close" in head

    run(scenario())


def test_hosts_are_mapped_by_the_table_and_others_are_refused(run, gateway):
    heads: list[list[bytes]] = []

    async def scenario():
        async with (
            Upstream(recording(heads, OK)).listening() as upstream,
            gateway(upstream.port, hosts="shop.example=web:80, api.example=none") as site,
        ):
            close = b"connection: close"
            assert b" 200 " in await site.ask(request(close, host=b"Shop.Example:8000"))
            assert (await site.ask(request(close, host=b"web"))).startswith(b"HTTP/1.1 421 ")
            assert (await site.ask(request(close, host=b"shop.example, web"))).startswith(b"HTTP/1.1 400 ")
            assert (await site.ask(request(close, b"host: shop.example"))).startswith(b"HTTP/1.1 400 ")

    run(scenario())
    (head,) = heads
    assert b"host: web:80" in head and b"x-forwarded-host: Shop.Example:8000" in head


def test_answers_without_content_keep_the_connection(run, gateway):
    answers = {
        b"/head": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        b"/204": b"HTTP/1.1 204 No\r\n\r\n",
        b"/304": b'HTTP/1.1 304 No\r\netag: "a"\r\ncontent-length: 9\r\n\r\n',
    }

    async def talk(reader, writer):
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            writer.write(answers.get(path, OK))

    async def scenario():
        async with Upstream(talk).listening() as upstream, gateway(upstream.port) as site, site.client() as (
            reader, writer,
        ):  # fmt: skip
            heads = {}
            for start in (b"HEAD /head HTTP/1.1", b"GET /204 HTTP/1.1", b"GET /304 HTTP/1.1"):
                writer.write(request(start=start))
                heads[start] = await reader.readuntil(b"\r\n\r\n")
            assert b"\r\ncontent-length: 9\r\n" in heads[b"HEAD /head HTTP/1.1"]
            assert heads[b"GET /204 HTTP/1.1"].startswith(b"HTTP/1.1 204 ")
            assert b"content-length" not in heads[b"GET /304 HTTP/1.1"] and b'etag: "a"' in heads[b"GET /304 HTTP/1.1"]
            writer.write(request(b"connection: close"))
            assert (await reader.read()).endswith(b"\r\n\r\nok")
            assert upstream.connections == 1

    run(scenario())


def test_an_upstream_that_is_down_is_envoys_answer(run, gateway):
    async def scenario():
        async with Upstream(answering(OK)).listening() as upstream:
            port = upstream.port
        async with gateway(port) as site:
            got = await site.ask(request(b"connection: close"))
            assert got.startswith(b"HTTP/1.1 503 ") and b"upstream connect error" in got

    run(scenario())


# Bodies


async def ping_pong(reader, writer):
    """Answers each chunk at once."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(CHUNKED)
    while (size := int(await reader.readline(), 16)) > 0:
        writer.write(b"%x\r\n" % size + await reader.readexactly(size + 2))
    writer.write(b"0\r\n\r\n")


def test_both_bodies_stream_at_the_same_time(run, gateway):
    async def scenario():
        async with Upstream(ping_pong).listening() as upstream, gateway(upstream.port) as site, site.client() as (
            reader, writer,
        ):  # fmt: skip
            writer.write(request(b"transfer-encoding: chunked", b"connection: close", start=b"POST / HTTP/1.1"))
            for word in (b"one", b"two", b"six"):
                writer.write(b"3\r\n%b\r\n" % word)
                assert await reader.readuntil(b"3\r\n" + word + b"\r\n")
            writer.write(b"0\r\n\r\n")
            assert await reader.read() == b"0\r\n\r\n"

    run(scenario())


def test_a_slow_upstream_slows_the_client_down(run, gateway):
    sent = taken = 0
    go = asyncio.Event()

    async def talk(reader, writer):
        nonlocal taken
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: %d\r\n" % (PIECES * len(PIECE)) in head
        await go.wait()
        while taken < PIECES * len(PIECE):
            taken += len(await reader.read(len(PIECE)))
        writer.write(OK)

    async def push(writer):
        nonlocal sent
        for _ in range(PIECES):
            writer.write(PIECE)
            await writer.drain()
            sent += 1

    async def scenario():
        async with Upstream(talk).listening() as upstream, gateway(upstream.port) as site, site.client() as (
            reader, writer,
        ):  # fmt: skip
            length = b"content-length: %d" % (PIECES * len(PIECE))
            writer.write(request(length, b"connection: close", start=b"PUT / HTTP/1.1"))
            pushing = asyncio.create_task(push(writer))
            assert await at_rest(lambda: sent) < PIECES
            go.set()
            assert (await reader.read()).endswith(b"\r\n\r\nok")
            await pushing
            assert taken == PIECES * len(PIECE)

    run(scenario())


def test_a_slow_client_slows_the_upstream_down(run, gateway):
    sent = 0

    async def talk(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (PIECES * len(PIECE)))
        for _ in range(PIECES):
            writer.write(PIECE)
            await writer.drain()
            sent += 1

    async def scenario():
        async with Upstream(talk).listening() as upstream, gateway(upstream.port) as site, site.client() as (
            reader, writer,
        ):  # fmt: skip
            writer.write(request(b"connection: close"))
            assert await at_rest(lambda: sent) < PIECES
            await reader.readuntil(b"\r\n\r\n")
            assert len(await reader.read()) == PIECES * len(PIECE)

    run(scenario())


def test_the_server_says_continue_when_the_upstream_takes_the_body(run, gateway):
    heads: list[bytes] = []

    async def talk(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        assert await reader.readexactly(2) == b"hi"
        writer.write(OK)

    async def scenario():
        async with Upstream(talk).listening() as upstream, gateway(upstream.port) as site, site.client() as (
            reader, writer,
        ):  # fmt: skip
            expecting = (b"expect: 100-continue", b"content-length: 2", b"connection: close")
            writer.write(request(*expecting, start=b"POST / HTTP/1.1"))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"hi")
            assert (await reader.read()).endswith(b"\r\n\r\nok")
            assert b"expect" not in heads[0]
            refused = await site.ask(request(*expecting, start=b"POST / HTTP/1.1", host=b"no.where:99999"))
            assert refused.startswith(b"HTTP/1.1 400 ")

    run(scenario())


def test_an_answer_before_the_body_has_gone_reaches_the_client(run, gateway):
    early = b"HTTP/1.1 413 Big\r\ncontent-length: 3\r\n\r\nbig"

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(early)
        await reader.read()

    async def scenario():
        async with Upstream(talk).listening() as upstream, gateway(upstream.port) as site, site.client() as (
            reader, writer,
        ):  # fmt: skip
            writer.write(request(b"content-length: 1000000", start=b"POST / HTTP/1.1", body=b"some of it"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
            assert await reader.readexactly(3) == b"big"
            await until(lambda: upstream.open == 0)

    run(scenario())


# Ends


@pytest.mark.parametrize("head", [CHUNKED + b"2\r\nok\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"])
def test_a_body_that_breaks_off_does_not_end_cleanly(run, gateway, head):
    async def scenario():
        async with Upstream(answering(head, close=True)).listening() as upstream, gateway(upstream.port) as site:
            got = await site.ask(request())
            assert got.startswith(b"HTTP/1.1 200 ") and b"ok" in got and not got.endswith(b"0\r\n\r\n")

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (b"", request()),
        (CHUNKED + b"2\r\nok\r\n", request()),
        (b"", request(b"content-length: 9", start=b"POST / HTTP/1.1", body=b"some")),
        (CHUNKED + b"2\r\nok\r\n", request(b"content-length: 4", start=b"POST / HTTP/1.1", body=b"most")),
    ],
    ids=["before an answer", "in the answer", "in its own body", "in the answer to a body"],
)
def test_a_client_that_leaves_ends_the_request_upstream(run, gateway, answer, sent):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        while await reader.read(100):
            pass

    async def scenario():
        async with Upstream(talk).listening() as upstream, gateway(upstream.port) as site:
            async with site.client() as (reader, writer):
                writer.write(sent)
                await until(lambda: upstream.open == 1)
                if answer:
                    await reader.readuntil(b"ok")
            await until(lambda: upstream.open == 0 and idle(site.app.mesh))

    run(scenario())


# Websockets


@asynccontextmanager
async def socket_site(told: list[object]):
    """An upstream that shouts back, closes with 4001 on `bye`, and keeps the handshake's headers and close codes."""

    async def shout(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["chat"])
        await socket.prepare(request)
        told.append({name.lower(): value for name, value in request.headers.items()})
        async for message in socket:
            if message.data == "bye":
                await socket.close(code=4001)
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(message.data.upper())
            else:
                await socket.send_bytes(message.data[::-1])
        told.append(socket.close_code)
        return socket

    app = web.Application()
    app.router.add_get("/shout", shout)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def test_a_websocket_goes_through(run, gateway):
    told: list[object] = []

    async def scenario():
        async with socket_site(told) as port, gateway(port, hosts="127.0.0.1=web") as site, ClientSession() as session:
            url = f"ws://127.0.0.1:{site.port}/shout"
            async with session.ws_connect(url, protocols=["chat"], headers={"x-end": "1"}) as socket:
                assert socket.protocol == "chat"
                await socket.send_str("loud")
                assert await socket.receive_str() == "LOUD"
                await socket.send_bytes(b"abc")
                assert await socket.receive_bytes() == b"cba"
                await socket.close(code=WSCloseCode.GOING_AWAY)
            await until(lambda: len(told) == 2)
            headers, code = told
            assert code == WSCloseCode.GOING_AWAY
            assert {"host": "web", "x-end": "1", "x-forwarded-for": "127.0.0.1"}.items() <= headers.items()
            async with session.ws_connect(url) as socket:
                await socket.send_str("bye")
                assert (await socket.receive()).data == 4001
            await until(lambda: len(told) == 4)

    run(scenario())


def test_a_websocket_that_is_refused_has_the_status_of_the_refusal(run, gateway):
    async def refused(session: ClientSession, url: str, **options: object) -> int:
        with pytest.raises(WSServerHandshakeError) as caught:
            await session.ws_connect(url, **options)
        return caught.value.status

    async def scenario():
        hosts = "127.0.0.1=web,none.example=none:81"
        async with socket_site([]) as port, gateway(port, hosts=hosts) as site, ClientSession() as session:
            url = f"ws://127.0.0.1:{site.port}"
            assert await refused(session, f"{url}/silence") == 404
            assert await refused(session, f"{url}/shout", headers={"host": "other.example"}) == 421

    run(scenario())
