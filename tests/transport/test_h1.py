"""One exchange over a real socket: what a user gets from peers that behave, and from peers that do not."""

import asyncio

import pytest

from meshio.errors import BadRequest, ProtocolBroken, Reset
from meshio.transport import h1

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def pieces(*chunks):
    for chunk in chunks:
        yield chunk


def test_a_warm_connection_is_used_again_and_the_small_answer_is_complete(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            for _ in range(5):
                response = await site.get()
                assert response.status == 200 and response.body.complete
                assert await response.body.read() == b"hi"
                assert site.counts == (1, 1, 1)

    run(main)


def test_one_byte_segments_give_the_same_answer(run, net):
    async def drip(reader, writer):
        await net.read_request(reader)
        for at in range(len(OK)):
            writer.write(OK[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)

    async def main():
        async with net.listening(drip) as port, net.visiting(port) as site:
            response = await site.get()
            assert (response.status, await response.body.read()) == (200, b"hi")

    run(main)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (b"", Reset, "before it answered"),
        (b"HTTP/1.1 200 OK\r\nContent-", Reset, "middle of the headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", Reset, "middle of the body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", Reset, "middle of the body"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ProtocolBroken, "no valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", ProtocolBroken, "Length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ProtocolBroken, "chunk"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", ProtocolBroken, "nobody asked"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", ProtocolBroken, "101 headers"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, ProtocolBroken, "61440"),
    ],
)
def test_a_peer_that_misbehaves_is_named_and_its_connection_closed(run, net, said, error, words):
    async def main():
        async with net.listening(net.answers(said)) as port, net.visiting(port) as site:
            failure = await site.failure()
            assert type(failure) is error
            assert words in str(failure) and f"127.0.0.1:{port}" in str(failure)
            await site.settled(0, 0, 1)

    run(main)


def test_a_reset_is_a_reset(run, net):
    async def reset(reader, writer):
        await net.read_request(reader)
        writer.transport.abort()

    async def main():
        async with net.listening(reset) as port, net.visiting(port) as site:
            assert type(await site.failure()) is Reset
            await site.settled(0, 0, 1)

    run(main)


def test_what_arrived_before_the_peer_broke_off_can_be_read(run, net):
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"

    async def main():
        async with net.listening(net.answers(said)) as port, net.visiting(port) as site:
            body, got, ends = (await site.get()).body, [], []
            body.when_done(ends.append)
            with pytest.raises(Reset):
                while True:
                    got.append(await anext(body))
            assert got == [b"hi"]
            assert [type(end) for end in ends] == [Reset]

    run(main)


def test_a_body_without_length_ends_with_the_connection(run, net):
    async def main():
        async with net.listening(net.answers(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as port, net.visiting(port) as site:
            assert await (await site.get()).body.read() == b"all of it"
            await site.settled(0, 0, 1)

    run(main)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        OK + b"HTTP/1.1 200 OK\r\n",
    ],
)
def test_a_connection_that_cannot_be_kept_is_closed_after_its_answer(run, net, said):
    async def main():
        async with net.listening(net.always(said)) as port, net.visiting(port) as site:
            for made in (1, 2):
                assert await (await site.get()).body.read() == b"hi"
                await site.settled(0, 0, made)

    run(main)


def test_interim_answers_are_skipped(run, net):
    said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK

    async def main():
        async with net.listening(net.always(said)) as port, net.visiting(port) as site:
            response = await site.get()
            assert response.status == 200 and response.headers == [(b"content-length", b"2")]

    run(main)


def test_head_and_204_and_304_keep_the_connection(run, net):
    async def main():
        replies = (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n",
                   b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", OK)  # fmt: skip
        async with net.listening(net.answers(*replies)) as port, net.visiting(port) as site:
            for method in (b"HEAD", b"GET", b"GET", b"GET"):
                response = await site.get(method)
                assert response.body.complete
            assert site.counts[2] == 1

    run(main)


def test_trailers_are_there_when_the_body_has_ended(run, net):
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n"

    async def main():
        async with net.listening(net.always(said)) as port, net.visiting(port) as site:
            body = (await site.get()).body
            assert await body.read() == b"hi" and body.trailers == [(b"x-sum", b"7")]

    run(main)


async def whole_request(reader) -> bytes:
    """Head and body, decoded."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"chunked" not in head:
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        return head + await reader.readexactly(length)
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        assert await reader.readexactly(2) == b"\r\n"
    assert await reader.readexactly(2) == b"\r\n"
    return head + body


@pytest.mark.parametrize("content", ["small", "large", "chunked", "counted", "empty chunks"])
def test_bodies_arrive_as_they_were_given(run, net, content):
    bodies = {
        "small": (b"x" * 100, lambda: b"x" * 100, []),
        "large": (b"x" * 3_000_000, lambda: b"x" * 3_000_000, []),
        "chunked": (b"ab" * 500_000, lambda: pieces(b"ab" * 100_000, b"ab" * 399_999, b"ab"), []),
        "counted": (b"abc", lambda: pieces(b"a", b"bc"), [(b"content-length", b"3")]),
        "empty chunks": (b"abc", lambda: pieces(b"", b"abc", b""), []),
    }
    expected, body, headers = bodies[content]
    got = []

    async def serve(reader, writer):
        while True:
            got.append(await whole_request(reader))
            writer.write(OK)

    async def main():
        async with net.listening(serve) as port, net.visiting(port) as site:
            for _ in range(2):
                assert await (await site.get(b"POST", headers, body())).body.read() == b"hi"
            assert site.counts == (1, 1, 1)
        assert [request.partition(b"\r\n\r\n")[2] == expected for request in got] == [True, True]

    run(main)


@pytest.mark.parametrize(("chunks", "words"), [((b"ab",), "1 bytes before"), ((b"abc", b"d"), "longer than the 3")])
def test_a_body_that_is_not_as_long_as_promised_is_the_callers_error(run, net, chunks, words):
    async def main():
        async with net.listening(net.always(b"")) as port, net.visiting(port) as site:
            with pytest.raises(BadRequest, match=words):
                await site.get(b"POST", [(b"content-length", b"3")], pieces(*chunks))
            await site.settled(0, 0, 1)

    run(main)


def test_a_body_that_breaks_off_raises_what_broke_it(run, net):
    async def broken():
        yield b"half"
        raise ZeroDivisionError("the caller's own")

    async def main():
        async with net.listening(net.always(b"")) as port, net.visiting(port) as site:
            with pytest.raises(ZeroDivisionError):
                await site.get(b"POST", body=broken())
            await site.settled(0, 0, 1)

    run(main)


def test_a_request_that_cannot_be_sent_leaves_the_connection_as_it_was(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            await site.get()
            with pytest.raises(BadRequest):
                await site.get(headers=[(b"x", b"a\r\nb: c")])
            assert site.counts == (1, 1, 1)
            assert (await site.get()).status == 200

    run(main)


def test_an_early_answer_stops_the_upload_and_ends_the_connection(run, net):
    closed = []

    async def endless():
        try:
            while True:
                yield b"x" * 10_000
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    async def refuse(reader, writer):
        await net.read_request(reader)
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!")
        await reader.read(-1)

    async def main():
        async with net.listening(refuse) as port, net.visiting(port) as site:
            response = await site.get(b"POST", body=endless())
            assert response.status == 413 and await response.body.read() == b"no!"
            await site.settled(0, 0, 1)
            assert closed

    run(main)


def test_answer_and_upload_may_overlap(run, net):
    """As Envoy does: the answer's head does not end the upload, its end does."""

    async def echo(reader, writer):
        await net.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunk = await reader.readexactly(size + 2)
            writer.write(b"%x\r\n" % size + chunk)
        await reader.readexactly(2)
        writer.write(b"0\r\n\r\n")
        await reader.read()

    async def main():
        questions = asyncio.Queue()

        async def ask():
            while chunk := await questions.get():
                yield chunk

        async with net.listening(echo) as port, net.visiting(port) as site:
            body = (await site.get(b"POST", body=ask())).body
            for chunk in (b"one", b"two"):
                questions.put_nowait(chunk)
                assert await anext(body) == chunk
            questions.put_nowait(b"")
            with pytest.raises(StopAsyncIteration):
                await anext(body)
            assert site.counts == (1, 1, 1)

    run(main)


def test_a_body_waits_for_100_continue(run, net):
    heard = []

    async def polite(reader, writer):
        heard.append(await net.read_request(reader))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.05)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        heard.append(await reader.readexactly(4))
        writer.write(OK)
        await reader.read()

    async def main():
        async with net.listening(polite) as port, net.visiting(port) as site:
            assert (await site.get(b"POST", [(b"expect", b"100-continue")], b"body")).status == 200
            assert b"expect: 100-continue" in heard[0] and heard[1] == b"body"
            assert site.counts == (1, 1, 1)

    run(main)


def test_a_peer_that_is_silent_about_100_continue_gets_the_body_after_a_while(run, net, monkeypatch):
    monkeypatch.setattr(h1, "PATIENCE", 0.02)

    async def old(reader, writer):
        await net.read_request(reader)
        assert await reader.readexactly(4) == b"body"
        writer.write(OK)
        await reader.read()

    async def main():
        async with net.listening(old) as port, net.visiting(port) as site:
            assert (await site.get(b"POST", [(b"expect", b"100-continue")], b"body")).status == 200

    run(main)


def test_a_refused_body_is_never_sent(run, net):
    heard = []

    async def refuse(reader, writer):
        await net.read_request(reader)
        writer.write(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        heard.append(await reader.read())

    async def main():
        async with net.listening(refuse) as port, net.visiting(port) as site:
            assert (await site.get(b"POST", [(b"expect", b"100-continue")], pieces(b"body"))).status == 417
            await site.settled(0, 0, 1)
        assert heard == [b""]

    run(main)


def test_a_slow_reader_holds_the_peer_back(run, net):
    size, sent = 20_000_000, []

    async def flood(reader, writer):
        await net.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 100_000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent.append(100_000)
        await net.read_request(reader)
        writer.write(OK)

    async def main():
        async with net.listening(flood) as port, net.visiting(port) as site:
            body = (await site.get()).body
            got = len(await anext(body))
            for _ in range(100):
                await asyncio.sleep(0.001)
            assert sum(sent) < size
            async for chunk in body:
                got += len(chunk)
            assert got == size and body.complete
            assert (await site.get()).status == 200
            assert site.counts == (1, 1, 1)

    run(main)


def test_a_slow_peer_holds_the_caller_back(run, net):
    async def main():
        taken, go = [], asyncio.Event()

        async def chunks():
            for _ in range(400):
                taken.append(1)
                yield b"x" * 50_000

        async def slow(reader, writer):
            await net.read_request(reader)
            await go.wait()
            while b"0\r\n\r\n" not in await reader.read(1_000_000):
                pass
            writer.write(OK)

        async with net.listening(slow) as port, net.visiting(port) as site:
            request = site.request(b"POST", body=chunks())
            sending = asyncio.create_task(site.send(request))
            for _ in range(50):
                await asyncio.sleep(0.001)
            assert 0 < len(taken) < 400 and request.stage == "write"
            go.set()
            assert (await sending).status == 200 and len(taken) == 400

    run(main)


def test_cancelling_a_request_closes_its_connection(run, net):
    async def main():
        async with net.listening(net.silent) as port, net.visiting(port) as site:
            for body in (b"", b"x" * 5_000_000, pieces(b"x")):
                sending = asyncio.create_task(site.get(b"POST", body=body))
                await asyncio.sleep(0.02)
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending
                await site.settled(0, 0, site.counts[2])
            assert site.counts[2] == 3

    run(main)


def test_cancelling_a_read_closes_the_connection_and_says_so_once(run, net):
    async def main():
        async with net.listening(net.always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")) as port:
            async with net.visiting(port) as site:
                body, ends = (await site.get()).body, []
                body.when_done(ends.append)
                reading = asyncio.create_task(body.read())
                await asyncio.sleep(0)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                assert body.complete and ends == [None]
                await site.settled(0, 0, 1)
                with pytest.raises(RuntimeError, match="closed"):
                    await body.read()

    run(main)


def test_closing_an_incomplete_body_closes_the_connection_a_complete_one_keeps_it(run, net):
    async def main():
        async with net.listening(net.always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")) as port:
            async with net.visiting(port) as site:
                await (await site.get()).body.aclose()
                await site.settled(0, 0, 1)
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            await (await site.get()).body.aclose()
            assert site.counts == (1, 1, 1)

    run(main)


def test_an_aborted_body_gives_its_reader_the_error(run, net):
    async def main():
        async with net.listening(net.always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")) as port:
            async with net.visiting(port) as site:
                body, ends, late = (await site.get()).body, [], Reset("too late")
                body.when_done(ends.append)
                asyncio.get_running_loop().call_soon(body.abort, late)
                with pytest.raises(Reset, match="too late"):
                    await body.read()
                body.when_done(ends.append)
                assert ends == [late, late]
                await site.settled(0, 0, 1)

    run(main)


def test_a_read_that_is_cancelled_when_all_has_come_does_not_harm_the_next_request(run, net):
    """The answer and the cancellation arrive in the same turn of the loop."""

    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            await site.get()
            for _ in range(20):
                sending = asyncio.create_task(site.get())
                while not site.counts[1] or not sending.done():
                    if site.counts[1] and not sending.done():
                        sending.cancel()
                        break
                    await asyncio.sleep(0)
                await asyncio.wait([sending])
                assert (await site.get()).status == 200
            assert site.counts[0] == site.counts[1]

    run(main)
