"""Upstreams that refuse, reset, stall, lie or talk nonsense: the status and flag that Envoy gives, and nothing left."""

import asyncio
import socket
import struct

import pytest

import meshio
from tests.behaviour.world import OK, Upstream, answering, entry, idle, mesh_of, until

NO_RETRY = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
    retries: {attempts: 0}
"""
TIMEOUT = NO_RETRY.replace("retries: {attempts: 0}", "retries: {attempts: 0}\n    timeout: 0.2s")


async def reset(reader, writer):
    """RST instead of FIN."""
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(reader, writer):
    await reader.readuntil(b"\r\n\r\n")


async def stall(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    await reader.read()


TWO_LENGTHS = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"
CONTROL = b"HTTP/1.1 200 OK\r\nx: a\x01b\r\ncontent-length: 0\r\n\r\n"

BEFORE_THE_BODY = [
    ("resets at once", reset, 503, "UC"),
    ("hangs up without an answer", hang_up, 503, "UC"),
    ("ends within the head", answering(b"HTTP/1.1 200 OK\r\ncontent-le", close=True), 502, "UPE"),
    ("is not HTTP", answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), 502, "UPE"),
    ("conflicting lengths", answering(TWO_LENGTHS), 502, "UPE"),
    ("a negative length", answering(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), 502, "UPE"),
    ("a control character in a header", answering(CONTROL), 502, "UPE"),
    ("too many headers", answering(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n"), 502, "UPE"),
    ("a head that is too large", answering(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n"), 502, "UPE"),
]
NAMES = [case[0] for case in BEFORE_THE_BODY]


@pytest.mark.parametrize(
    ("talk", "status", "flag"), [c[1:] for c in BEFORE_THE_BODY], ids=[c[0] for c in BEFORE_THE_BODY]
)
def test_an_upstream_that_fails_before_the_body_is_answered_for(talk, status, flag, run, tmp_path):
    async def scenario():
        async with Upstream(talk).listening() as up, mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            reply = await mesh.get("http://web/")
            assert (reply.status, reply.mesh.flags) == (status, [flag]), reply.text
            assert reply.mesh.endpoint == f"127.0.0.1:{up.port}"

    run(scenario())


def test_nobody_listens(run, tmp_path):
    async def scenario():
        async with Upstream(stall).listening() as up:
            port = up.port
        async with mesh_of(tmp_path, entry(port), NO_RETRY) as mesh:
            reply = await mesh.get("http://web/")
            assert (reply.status, reply.mesh.flags) == (503, ["UF"])
            assert reply.text == (
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"
            )
            assert reply.mesh.details == (
                "upstream_reset_before_response_started"
                "{remote_connection_failure|delayed_connect_error:_Connection_refused}"
            )

    run(scenario())


def test_a_stalling_upstream_meets_the_routes_timeout(run, tmp_path):
    async def scenario():
        async with Upstream(stall).listening() as up, mesh_of(tmp_path, entry(up.port), TIMEOUT) as mesh:
            reply = await mesh.get("http://web/")
            assert (reply.status, reply.text, reply.mesh.flags) == (504, "upstream request timeout", ["UT"])

    run(scenario())


SHORT = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"
CHUNK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n"


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (answering(SHORT, close=True), meshio.ProtocolBroken),
        (answering(CHUNK, close=True), meshio.ProtocolBroken),
    ],
    ids=["shorter than it said", "no last chunk"],
)
def test_a_body_that_breaks_off_raises_and_is_not_taken_for_whole(talk, error, run, tmp_path):
    async def scenario():
        async with Upstream(talk).listening() as up, mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            with pytest.raises(error):
                await mesh.get("http://web/")
            async with mesh.stream("GET", "http://web/") as reply:
                assert reply.status == 200
                with pytest.raises(error):
                    async for _ in reply.stream():
                        pass

    run(scenario())


def test_a_bad_chunk_breaks_the_body(run, tmp_path):
    go_on = asyncio.Event()

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNK)
        await go_on.wait()
        writer.write(b"zz\r\n")
        await reader.read()

    async def scenario():
        async with Upstream(talk).listening() as up, mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            async with mesh.stream("GET", "http://web/") as reply:
                chunks = reply.stream()
                assert await anext(chunks) == b"short"
                go_on.set()
                with pytest.raises(meshio.ProtocolBroken):
                    await anext(chunks)

    run(scenario())


def test_a_timeout_that_ends_within_the_body_cuts_it(run, tmp_path):
    async def scenario():
        async with Upstream(answering(SHORT)).listening() as up, mesh_of(tmp_path, entry(up.port), TIMEOUT) as mesh:
            with pytest.raises(meshio.TimedOut):
                await mesh.get("http://web/")

    run(scenario())


def test_more_than_was_promised_is_never_given_to_the_next_request(run, tmp_path):
    smuggled = OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"

    async def scenario():
        async with Upstream(answering(smuggled)).listening() as up, mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            replies = [await mesh.get("http://web/") for _ in range(5)]
            assert {reply.text for reply in replies} <= {"ok"} or all(reply.status == 502 for reply in replies)
            assert "evil" not in {reply.text for reply in replies}

    run(scenario())


def test_a_connection_closed_between_requests_is_not_noticed_by_the_next(run, tmp_path):
    async def scenario():
        async with Upstream(answering(OK, close=True)).listening() as up:
            async with mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
                for _ in range(20):
                    reply = await mesh.get("http://web/")
                    assert reply.status == 200, reply
                    await until(lambda: all(each.connections == 0 for each in mesh.upstreams.values()))

    run(scenario())


def test_an_upstream_that_takes_leave_with_every_answer_is_dialled_anew_each_time(run, tmp_path):
    leaving = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"

    async def scenario():
        up = Upstream(answering(leaving))  # and does not go: the mesh has to
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            for _ in range(10):
                replies = await asyncio.gather(*(mesh.get("http://web/") for _ in range(30)))
                assert {(reply.status, reply.content) for reply in replies} == {(200, b"ok")}
            assert up.connections == 300
            await until(lambda: up.open == 0 and mesh.pools.counters.open == 0)

    run(scenario())


def test_a_cancelled_request_leaves_nothing_behind(run, tmp_path):
    async def scenario():
        async with Upstream(stall).listening() as up, mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            tasks = [asyncio.create_task(mesh.get("http://web/")) for _ in range(50)]
            await until(lambda: up.open == 50)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert idle(mesh)
            await until(lambda: not up.open)
            assert all(each.connections == 0 for each in mesh.upstreams.values())

    run(scenario())


SMUGGLING = [{"a b": "v"}, {"a\r\nx": "v"}, {"a:": "v"}, {"x": "v\r\nevil: 1"}, {"x": "v\0"}, {"host": "web\r\nx: y"}]


@pytest.mark.parametrize("headers", SMUGGLING)
def test_what_would_smuggle_is_refused_before_it_is_sent(headers, run, tmp_path):
    async def scenario():
        async with Upstream(answering(OK)).listening() as up, mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            with pytest.raises(meshio.BadRequest):
                await mesh.get("http://web/", headers=headers)
            assert idle(mesh)
            assert (await mesh.get("http://web/")).status == 200

    run(scenario())
