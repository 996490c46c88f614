"""Back-pressure in both directions, and exchanges that are given up."""

import asyncio

import pytest

from meshio.errors import Reset

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def pieces(*chunks):
    for chunk in chunks:
        yield chunk


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
            for number, body in enumerate((b"", b"x" * 5_000_000, pieces(b"x")), 1):
                sending = asyncio.create_task(site.get(b"POST", body=body))
                await site.settled(1, 0, number)
                for _ in range(3):  # it is on its connection by then
                    await asyncio.sleep(0)
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending
                await site.settled(0, 0, number)

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
