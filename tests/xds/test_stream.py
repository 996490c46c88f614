import asyncio
import gc
import ssl
from pathlib import Path

import pytest
from grpclib.const import Status

from meshio.testing import ControlPlane, Relay, run, unused_port
from meshio.xds.backoff import Backoff
from meshio.xds.bootstrap import Server, Tls
from meshio.xds.stream import INCREMENTAL, WHOLE, StreamEnded, opened


async def end_of(server, method=INCREMENTAL, first=b""):
    """Why a stream ends that sends one message and then reads."""
    with pytest.raises(StreamEnded) as caught:
        async with opened(server, method, {}) as stream:
            await stream.send(first)
            while True:
                await stream.receive()
    return caught.value


def scripted(script, **options):
    """Run a script against a control plane and tell why the client's stream ended."""

    async def main():
        async with ControlPlane(**options) as plane:
            ended = asyncio.ensure_future(end_of(plane.bootstrap().server))
            stream = await plane.accept()
            await stream._asks.get()
            await script(stream)
            return await ended

    return asyncio.run(main(), debug=True)


def test_bytes_go_both_ways():
    async def main():
        async with ControlPlane() as plane, opened(plane.bootstrap().server, WHOLE, {"clusterid": "k"}) as stream:
            await stream.send(b"")
            peer = await plane.accept()
            assert peer.metadata["clusterid"] == "k"
            large = bytes(6_000_000)
            sending = asyncio.ensure_future(peer.send(large))
            assert await stream.receive() == large
            await sending

    asyncio.run(main(), debug=True)


def test_the_server_may_end_a_stream_in_order():
    async def ok(stream):
        stream.end()

    async def unavailable(stream):
        stream.end(Status.UNAVAILABLE)

    assert scripted(ok).orderly
    ended = scripted(unavailable)
    assert ended.orderly
    assert str(ended) == "UNAVAILABLE: as the script says"


def test_a_refusal_is_told_with_the_servers_words():
    async def script(stream):
        await stream.send(b"x")
        stream.end(Status.PERMISSION_DENIED)

    ended = scripted(script)
    assert (str(ended), ended.orderly, ended.unimplemented) == ("PERMISSION_DENIED: as the script says", False, False)


def test_a_method_the_server_does_not_know_is_recognised():
    async def main():
        async with ControlPlane(incremental=False) as plane:
            return await end_of(plane.bootstrap().server)

    assert asyncio.run(main(), debug=True).unimplemented


def test_nobody_listening_is_said():
    ended = asyncio.run(end_of(Server("127.0.0.1", unused_port())), debug=True)
    assert "Connect call failed" in str(ended)


def test_a_missing_socket_is_said(tmp_path):
    ended = asyncio.run(end_of(Server(path=str(tmp_path / "XDS"))), debug=True)
    assert "No such file" in str(ended)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64, b"\xff" * 64, b""])
def test_a_server_that_is_no_grpc_server_ends_the_stream(greeting):
    async def serve(reader, writer):
        writer.write(greeting)
        writer.close()

    async def main():
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            return await end_of(Server("127.0.0.1", server.sockets[0].getsockname()[1]))

    assert str(asyncio.run(main(), debug=True))


def test_a_server_that_never_answers_does_not_hold_up_closing():
    async def hold(reader, writer):
        while await reader.read(1000):
            pass
        writer.close()

    async def main():
        async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
            waiting = asyncio.ensure_future(end_of(Server("127.0.0.1", server.sockets[0].getsockname()[1])))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=1)
            assert waiting.cancelled()
            await asyncio.sleep(0.01)  # the server sees it

    asyncio.run(main(), debug=True)


@pytest.mark.parametrize("budget", [0, 1, 9, 40, 60, 80, 100, 120])
def test_a_connection_cut_at_any_byte_ends_the_stream_and_leaves_nothing(budget):
    async def main():
        async with ControlPlane() as plane, Relay(plane.port, budget).listening() as relay:
            ended = asyncio.ensure_future(end_of(Server("127.0.0.1", relay.port)))
            answering = asyncio.ensure_future(answer(plane))
            await asyncio.wait_for(ended, 5)
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    async def answer(plane):
        stream = await plane.accept()
        while True:
            await stream.send(b"x" * 50)
            await asyncio.sleep(0)

    asyncio.run(main(), debug=True)
    gc.collect()  # an unclosed socket would warn, and warnings are errors


def test_half_a_message_is_the_end():
    async def script(stream):
        await stream._stream.send_initial_metadata()
        await stream._stream._stream.send_data(b"\0\0\0\0\x09half", end_stream=True)

    assert "within a message" in str(scripted(script))


def test_a_compressed_message_is_refused():
    async def script(stream):
        await stream._stream.send_initial_metadata()
        await stream._stream._stream.send_data(b"\1\0\0\0\x01x")

    assert "ompression" in str(scripted(script))


CERTIFICATES = Path(__file__).parents[1] / "transport" / "certs"


def over_tls(tmp_path, server_name, text="one\n"):
    """What the control plane sees of a client's token, or why the client ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem")
    context.set_alpn_protocols(["h2"])
    token = tmp_path / "token"
    token.write_text(text)
    tls = Tls(str(CERTIFICATES / "ca.pem"), str(token), server_name)

    async def metadata(plane):
        server = Server("127.0.0.1", plane.port, tls=tls)
        async with opened(server, INCREMENTAL, {}) as stream:
            await stream.send(b"")
            return (await plane.accept()).metadata

    async def main():
        async with ControlPlane(tls=context) as plane:
            first = await metadata(plane)
            token.write_text("renewed")
            return first["authorization"], (await metadata(plane))["authorization"]

    return asyncio.run(main(), debug=True)


def test_over_tls_the_token_is_read_again_for_every_stream(tmp_path):
    assert over_tls(tmp_path, "site.test") == ("Bearer one", "Bearer renewed")


def test_a_certificate_of_another_name_is_not_trusted(tmp_path):
    with pytest.raises(StreamEnded, match="certificate verify failed"):
        over_tls(tmp_path, "istiod.istio-system.svc")


def test_a_token_that_cannot_be_sent_is_said(tmp_path):
    with pytest.raises(StreamEnded, match="holds no token"):
        over_tls(tmp_path, "localhost", "\n")


def test_half_an_hour_of_waiting_passes_at_once():
    async def main():
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(1800)
        return asyncio.get_running_loop().time() - began

    assert run(main()) == pytest.approx(1800, abs=5)


def test_attempts_become_rarer_and_come_back_after_an_answer():
    backoff = Backoff()
    delays = [backoff.delay() for _ in range(12)]
    for delay, expected in zip(delays, [1, 1.6, 2.56, 4.096], strict=False):
        assert 0.8 * expected <= delay <= 1.2 * expected
    assert all(24 <= delay <= 36 for delay in delays[8:])
    backoff.reset()
    assert backoff.delay() <= 1.2
