"""The gateway example: bodies that stream, each at the pace of the slower side."""

import asyncio

from tests.behaviour.world import OK, Upstream, until
from tests.examples.gateway_site import CHUNKED, request

PIECE = b"x" * 65536
PIECES = 1024  # 64 MB: more than all the sockets on the way hold


async def at_rest(count) -> int:
    """The counter, once it has stopped."""
    before = -1
    while before != count() or count() <= 0:
        before = count()
        await asyncio.sleep(0.3)
    return before


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
