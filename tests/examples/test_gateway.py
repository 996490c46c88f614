"""The gateway example: what a client of it and an upstream behind it see of heads and ends, byte for byte."""

import pytest

from tests.behaviour.world import OK, Upstream, answering, idle, until
from tests.examples.gateway_site import CHUNKED, request


def recording(heads: list[list[bytes]], answer: bytes):
    """An upstream that keeps the lines of each request head."""

    async def talk(reader, writer):
        while True:
            heads.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[:-2])
            writer.write(answer)

    return talk


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
                b"connection", b"server", b"set-cookie", b"set-cookie", b"transfer-encoding",
                b"x-envoy-upstream-service-time",
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
