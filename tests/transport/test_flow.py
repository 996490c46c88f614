"""Long bodies: read into one buffer, handed out in pieces, and the connection as it was afterwards."""

import asyncio

import pytest

from meshio.errors import ProtocolBroken
from meshio.transport.flow import PIECE, SPARES, spare
from meshio.transport.incoming import LARGE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
BODY = bytes(range(256)) * 12_000  # 3 MB


def with_length(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def in_chunks(body):
    parts = [body[start : start + 150_000] for start in range(0, len(body), 150_000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Sum: 1\r\n\r\n"


async def read(response):
    return [chunk async for chunk in response.body]


@pytest.mark.parametrize("framed", [with_length, in_chunks])
def test_a_long_body_comes_in_pieces_and_leaves_the_connection_as_it_was(framed, run, net):
    async def main():
        answers = net.answers(framed(BODY), OK, framed(BODY), OK)
        async with net.listening(answers) as port, net.visiting(port) as site:
            for _ in range(2):
                chunks = await read(await site.get())
                assert b"".join(chunks) == BODY
                assert all(type(chunk) is bytes for chunk in chunks) and max(map(len, chunks)) <= 256 * 1024
                assert await (await site.get()).body.read() == b"hi"
            assert site.counts == (1, 1, 1)
            assert len(spare) <= SPARES

    run(main)


def test_a_long_body_is_read_as_a_whole_too(run, net):
    async def main():
        async with net.listening(net.answers(with_length(BODY), OK)) as port, net.visiting(port) as site:
            response = await site.get()
            begun = await anext(response.body)
            assert begun + await response.body.read() == BODY
            assert (await site.get()).status == 200

    run(main)


def test_long_bodies_side_by_side_do_not_mix(run, net):
    async def main():
        bodies = [bytes([number]) * 2_000_000 for number in range(1, 6)]
        turn = iter(bodies)

        async def script(reader, writer):
            body = next(turn)
            await net.read_request(reader)
            for start in range(0, len(with_length(body)), 300_000):
                writer.write(with_length(body)[start : start + 300_000])
                await asyncio.sleep(0)

        async with net.listening(script) as port, net.visiting(port) as site:
            responses = await asyncio.gather(*(site.get() for _ in bodies))
            got = await asyncio.gather(*(read(response) for response in responses))
            assert sorted(b"".join(chunks) for chunks in got) == bodies

    run(main)


def test_what_arrived_of_a_long_body_is_handed_out_before_the_failure(run, net):
    async def main():
        async def cut(reader, writer):
            await net.read_request(reader)
            writer.write(with_length(BODY)[:1_000_000])
            await writer.drain()
            writer.close()

        async with net.listening(cut) as port, net.visiting(port) as site:
            got = 0
            with pytest.raises(ProtocolBroken, match="in the middle of the body"):
                async for chunk in (await site.get()).body:
                    got += len(chunk)
            assert got == 1_000_000 - with_length(BODY).index(b"\r\n\r\n") - 4
            await site.settled(0, 0, 1)

    run(main)


def test_a_long_body_that_nobody_wants_ends_its_connection(run, net):
    async def main():
        async with net.listening(net.always(with_length(BODY))) as port, net.visiting(port) as site:
            for made in (1, 2):
                body = (await site.get()).body
                assert len(await anext(body)) > 0
                await body.aclose()
                await site.settled(0, 0, made)

    run(main)


def test_more_than_the_announced_body_costs_the_connection(run, net):
    async def main():
        async with net.listening(net.always(with_length(BODY) + b"more")) as port, net.visiting(port) as site:
            assert b"".join(await read(await site.get())) == BODY
            await site.settled(0, 0, 1)

    run(main)


def test_a_piece_is_less_than_malloc_takes_from_the_kernel():
    assert LARGE <= PIECE < 128 * 1024
