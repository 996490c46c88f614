"""Request bodies over a real socket: as they were given, or not at all."""

import asyncio

import pytest

from meshio.errors import BadRequest
from meshio.transport import h1

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def pieces(*chunks):
    for chunk in chunks:
        yield chunk


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


def test_a_caller_who_lingers_behind_his_last_byte_costs_no_connection(run, net):
    linger = asyncio.Event()

    async def serve(reader, writer):
        while True:
            await whole_request(reader)
            writer.write(OK)

    async def body():
        yield b"abc"
        await linger.wait()

    async def main():
        async with net.listening(serve) as port, net.visiting(port) as site:
            for _ in range(20):
                response = await site.get(b"POST", [(b"content-length", b"3")], body())
                assert await response.body.read() == b"hi"
            assert site.counts == (1, 1, 1)

    run(main)


def test_streamed_uploads_one_after_the_other_share_a_connection(run, net):
    async def serve(reader, writer):
        while True:
            await whole_request(reader)
            writer.write(OK)

    async def main():
        async with net.listening(serve) as port, net.visiting(port) as site:
            for _ in range(50):
                for content in (b"x" * 200_000, pieces(b"x" * 100_000, b"y" * 100_000)):
                    response = await site.get(b"POST", [], content)
                    assert await response.body.read() == b"hi"
            assert site.counts == (1, 1, 1)

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
