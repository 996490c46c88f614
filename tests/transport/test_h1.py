"""Answers over a real socket: what a user gets from peers that behave, and from peers that do not."""

import asyncio

import pytest

from meshio.errors import ProtocolBroken, Reset

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


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
        (b"HTTP/1.1 200 OK\r\nContent-", ProtocolBroken, "middle of the headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", ProtocolBroken, "middle of the body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", ProtocolBroken, "middle of the body"),
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
            with pytest.raises(ProtocolBroken):
                while True:
                    got.append(await anext(body))
            assert got == [b"hi"]
            assert [type(end) for end in ends] == [ProtocolBroken]

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
