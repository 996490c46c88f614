"""Upstreams that drip, flood, answer too early or hang up: what arrives is right, what does not is told."""

import asyncio
from contextlib import aclosing

import pytest

import meshio
from tests.behaviour.world import OK, Upstream, answering, entry, idle, mesh_of, until

ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: default}}
spec:
  hosts: [web]
  http:
  - route: [{{destination: {{host: web}}}}]
    {settings}
"""
NO_RETRY = ROUTE.format(settings="retries: {attempts: 0}")
HASTE = ROUTE.format(settings="retries: {attempts: 0}\n    timeout: 0.15s")
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
    b"5;name=value\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\nx-sum: 12\r\n\r\n"
)


def retrying(on):
    return ROUTE.format(settings=f"retries: {{attempts: 2, retryOn: {on}}}")


def dripping(answer, *, pause=0.0):
    """Every byte in a segment of its own."""

    async def talk(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for byte in answer:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(pause)

    return talk


async def pieces(number, size=1024):
    for _ in range(number):
        yield bytes(size)


def counted_out(mesh, up):
    """Nothing is under way, and what is open is idle, on both sides."""
    counters = mesh.pools.counters
    return idle(mesh) and not counters.connecting and counters.open == counters.idle == up.open


# Slowly


@pytest.mark.parametrize("answer", [OK, CHUNKED], ids=["by length", "chunked, with trailers"])
def test_a_response_that_comes_byte_by_byte_is_whole_and_its_connection_used_again(answer, run, tmp_path):
    async def scenario():
        up = Upstream(dripping(answer))
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            for _ in range(3):
                reply = await mesh.get("http://web/")
                assert (reply.status, reply.text) == (200, "ok" if answer is OK else "hello, world")
            assert up.connections == 1

    run(scenario())


def test_a_head_that_drips_for_longer_than_the_routes_timeout_is_given_up(run, tmp_path):
    async def scenario():
        up = Upstream(dripping(OK, pause=0.02))
        async with up.listening(), mesh_of(tmp_path, entry(up.port), HASTE) as mesh:
            reply = await mesh.get("http://web/")
            assert (reply.status, reply.mesh.flags) == (504, ["UT"])
            await until(lambda: counted_out(mesh, up))
            assert up.open == 0

    run(scenario())


def test_a_body_that_drips_for_longer_than_the_routes_timeout_breaks_off(run, tmp_path):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def scenario():
        up = Upstream(talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), HASTE) as mesh:
            arrived = 0
            async with mesh.stream("GET", "http://web/") as reply:
                assert reply.status == 200
                with pytest.raises(meshio.TimedOut):
                    async for chunk in reply.stream():
                        arrived += len(chunk)
            assert 0 < arrived < 1000
            await until(lambda: counted_out(mesh, up))

    run(scenario())


# Too much


ENDLESS = {
    "one header that does not end": (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 1000),
    "headers that do not end": (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "a reason that does not end": (b"HTTP/1.1 200 ", b"OK" * 1000),
    "one 100 Continue after another": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints without end": (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"),
}


def flooding(start, more):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start)
        while True:
            writer.write(more)
            await writer.drain()

    return talk


@pytest.mark.parametrize("name", ENDLESS)
def test_a_head_without_end_is_a_protocol_error(name, run, tmp_path):
    async def scenario():
        up = Upstream(flooding(*ENDLESS[name]))
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            reply = await mesh.get("http://web/")
            assert (reply.status, reply.mesh.flags) == (502, ["UPE"])
            await until(lambda: counted_out(mesh, up))

    run(scenario())


@pytest.mark.parametrize(
    "more", [b"5;" + b"x" * 100_000, b"0\r\n" + b"x: y\r\n" * 100_000], ids=["chunk extension", "trailers"]
)
def test_a_body_whose_framing_does_not_end_is_a_protocol_error(more, run, tmp_path):
    async def scenario():
        up = Upstream(flooding(CHUNKED[: CHUNKED.index(b"0\r\n")], more))
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            with pytest.raises(meshio.ProtocolBroken):
                await mesh.get("http://web/")
            await until(lambda: counted_out(mesh, up))

    run(scenario())


# Too early


EARLY = b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n%b\r\nbig"


def early(*, close):
    """Answer at the head. Then take what comes, or say goodbye first."""

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(EARLY % (b"connection: close\r\n" if close else b""))
        if close:
            writer.write_eof()
        while await reader.read(65536):
            pass

    return talk


@pytest.mark.parametrize("close", [False, True], ids=["keep-alive", "close"])
@pytest.mark.parametrize("kind", ["streamed", "streamed slowly", "bytes"])
def test_an_answer_before_the_body_has_gone_is_handed_out_and_ends_the_upload(close, kind, run, tmp_path):
    over = asyncio.Event()

    async def slowly():
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            over.set()

    async def scenario():
        up = Upstream(early(close=close))
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            body = {"streamed": pieces(100_000), "streamed slowly": slowly(), "bytes": bytes(32 << 20)}[kind]
            reply = await mesh.post("http://web/", content=body)
            assert (reply.status, reply.text) == (413, "big")
            if kind == "streamed slowly":
                await asyncio.wait_for(over.wait(), 5)
            await until(lambda: counted_out(mesh, up))
            assert up.open == 0  # half a request is on it: nobody else may use it

    run(scenario())


def test_an_upstream_that_answers_and_resets_gives_its_answer_or_a_reset(run, tmp_path):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(EARLY % b"connection: close\r\n")

    async def scenario():
        up = Upstream(talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            for _ in range(20):
                reply = await mesh.post("http://web/", content=pieces(1000))
                assert reply.status == 413 or (reply.status, reply.mesh.flags) == (503, ["UC"])
            await until(lambda: counted_out(mesh, up))

    run(scenario())


# Between two requests


class Fickle:
    """Answers the first request of its first connection; the second one it reads, and hangs up."""

    def __init__(self):
        self.bodies = []
        self.first = True

    async def talk(self, reader, writer):
        fickle, self.first = self.first, False
        await self.read(reader)
        writer.write(OK)
        while True:
            self.bodies.append(await self.read(reader))
            if fickle:
                return
            writer.write(OK)

    @staticmethod
    async def read(reader):
        head = await reader.readuntil(b"\r\n\r\n")
        body = b""
        while b"chunked" in head and not body.endswith(b"0\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        return body


@pytest.mark.parametrize(
    ("policy", "content", "status"),
    [
        (NO_RETRY, None, 503),
        (retrying("connect-failure"), None, 503),  # the upstream may have acted on it
        (retrying("reset"), None, 200),
        (retrying("reset"), 10, 200),
        (retrying("reset"), 2000, 503),  # more than is kept for another try
        (NO_RETRY, 10, 503),
    ],
    ids=["GET, no policy", "GET, connect-failure", "GET, reset", "stream, reset", "long stream, reset", "stream, none"],
)
def test_a_connection_that_closes_under_the_next_request_is_retried_only_where_the_policy_says_so(
    policy, content, status, run, tmp_path
):
    async def scenario():
        up = Upstream(Fickle().talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), policy) as mesh:
            assert (await mesh.get("http://web/")).status == 200
            body = {} if content is None else {"content": pieces(content)}
            reply = await mesh.request("GET" if content is None else "POST", "http://web/", **body)
            assert reply.status == status, reply.text
            assert reply.mesh.attempts == (2 if status == 200 else 1)
            assert ("UC" in reply.mesh.flags) == (status == 503)
            await until(lambda: counted_out(mesh, up))

    run(scenario())


def test_an_upstream_that_ends_its_half_of_an_idle_connection_gets_no_further_request_on_it(run, tmp_path):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.write_eof()
        await reader.read()

    async def scenario():
        up = Upstream(talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            for number in range(1, 11):
                assert (await mesh.get("http://web/")).status == 200
                await until(lambda: not mesh.pools.counters.open)
                assert up.connections == number
            await until(lambda: not up.open)

    run(scenario())


def test_an_upstream_that_ends_its_half_before_it_answers_has_reset(run, tmp_path):
    async def talk(reader, writer):
        writer.write_eof()
        await reader.read()

    async def scenario():
        up = Upstream(talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            for _ in range(5):
                reply = await mesh.post("http://web/", content=pieces(10))
                assert reply.status == 503
                assert reply.mesh.flags[0] in ("UC", "UF")
            await until(lambda: counted_out(mesh, up))

    run(scenario())


def test_a_body_that_ends_with_the_connection_is_whole(run, tmp_path):
    async def scenario():
        up = Upstream(answering(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", close=True))
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            assert (await mesh.get("http://web/")).text == "until the end"
            async with mesh.stream("GET", "http://web/") as reply, aclosing(reply.stream()) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == b"until the end"
            await until(lambda: counted_out(mesh, up))

    run(scenario())
