"""Which connection a request gets, how many there are, and when they go."""

import asyncio
import resource
import socket

import pytest

from meshio.errors import Closed, ConnectFailed, ConnectTimedOut, MeshError, Overloaded
from meshio.resilience.limits import Limits
from meshio.transport import pool as pool_module

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def on_demand(gates):
    """A script that answers each request when its gate opens; it puts the gate into `gates`."""

    async def script(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            gate = asyncio.Event()
            gates.append(gate)
            await gate.wait()
            writer.write(OK)

    return script


async def until(condition):
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("did not come true")


def test_the_connection_used_last_is_used_next(run, net):
    async def main():
        gates = []
        async with net.listening(on_demand(gates)) as port, net.visiting(port) as site:
            both = [asyncio.create_task(site.get()) for _ in range(2)]
            await until(lambda: len(gates) == 2)
            for gate, task in zip(gates, both, strict=True):
                gate.set()
                await task
            assert site.counts == (2, 2, 2)
            last = site.host.pool.idle[-1]
            assert site.pools.idle(site.host, site.request()) is last
            last.close()

    run(main)


def test_a_connection_that_the_peer_closed_is_not_offered(run, net):
    async def main():
        async with net.listening(net.answers(OK)) as port, net.visiting(port) as site:
            for made in (1, 2, 3):
                assert (await site.get()).status == 200
                await site.settled(0, 0, made)

    run(main)


@pytest.mark.parametrize("noise", [b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", b"\r\n", b"x"])
def test_a_connection_on_which_the_peer_speaks_unasked_is_dropped(run, net, noise):
    async def main():
        speak = asyncio.Event()

        async def chatty(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            await speak.wait()
            writer.write(noise)
            await reader.read()

        async with net.listening(chatty) as port, net.visiting(port) as site:
            await site.get()
            assert site.counts == (1, 1, 1)
            speak.set()
            await site.settled(0, 0, 1)

    run(main)


def test_a_burst_dials_one_connection_per_request_and_keeps_them(run, net):
    async def main():
        gates = []
        async with net.listening(on_demand(gates)) as port, net.visiting(port) as site:
            burst = [asyncio.create_task(site.get()) for _ in range(10)]
            await until(lambda: len(gates) == 10)
            for gate in gates:
                gate.set()
            await asyncio.gather(*burst)
            assert site.counts == (10, 10, 10) and site.upstream.connections == 10

    run(main)


def test_at_the_connection_limit_requests_wait_in_line(run, net):
    async def main():
        gates, order = [], []

        async def ask(site, number):
            await site.get()
            order.append(number)

        async with net.listening(on_demand(gates)) as port:
            async with net.visiting(port, limits=Limits(connections=1)) as site:
                line = [asyncio.create_task(ask(site, number)) for number in range(4)]
                for turn in range(4):
                    await until(lambda turn=turn: len(gates) == turn + 1)
                    assert site.upstream.pending == 3 - turn
                    gates[turn].set()
                await asyncio.gather(*line)
                assert order == [0, 1, 2, 3] and site.counts == (1, 1, 1)

    run(main)


def test_a_request_says_what_it_waits_for(run, net):
    async def main():
        gates = []
        async with net.listening(on_demand(gates)) as port:
            async with net.visiting(port, limits=Limits(connections=1)) as site:
                first, second = site.request(), site.request()
                tasks = [asyncio.create_task(site.send(request)) for request in (first, second)]
                await asyncio.sleep(0)
                assert (first.stage, second.stage) == ("connect", "pool")
                await until(lambda: len(gates) == 1)
                assert (first.stage, second.stage) == ("read", "pool")
                gates[0].set()
                await until(lambda: len(gates) == 2)
                assert second.stage == "read"
                gates[1].set()
                await asyncio.gather(*tasks)

    run(main)


def test_beyond_the_pending_limit_the_answer_is_no_at_once(run, net):
    async def main():
        async with net.listening(net.silent) as port:
            async with net.visiting(port, limits=Limits(connections=1, pending=2)) as site:
                first = asyncio.create_task(site.get())
                await until(lambda: site.upstream.pending == 0 and site.counts[0] == 1)
                waiting = [asyncio.create_task(site.get()) for _ in range(2)]
                await asyncio.sleep(0)
                with pytest.raises(Overloaded):
                    await site.get()
                for task in (first, *waiting):
                    task.cancel()
                await asyncio.gather(first, *waiting, return_exceptions=True)
                assert site.upstream.pending == 0

    run(main)


def test_a_closed_connection_makes_room_for_who_waits(run, net):
    async def main():
        async with net.listening(net.answers(OK.replace(b"OK", b"OK\r\nConnection: close"))) as port:
            async with net.visiting(port, limits=Limits(connections=1)) as site:
                answers = await asyncio.gather(*(site.get() for _ in range(4)))
                assert [answer.status for answer in answers] == [200] * 4
                await site.settled(0, 0, 4)

    run(main)


def test_a_refused_dial_fails_everybody_who_waits(run, net):
    async def main():
        async with net.listening(net.silent) as port:
            pass
        async with net.visiting(port) as site:
            failures = await asyncio.gather(*(site.get() for _ in range(3)), return_exceptions=True)
            assert [type(failure) for failure in failures] == [ConnectFailed] * 3
            assert len(set(map(id, failures))) == 3
            assert failures[0].body == (
                b"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"
            )
            assert failures[0].failure == "delayed connect error: Connection refused"
            await site.settled(0, 0, 0)
            assert site.upstream.connections == 0

    run(main)


def test_a_dial_that_takes_too_long_is_a_connect_timeout(run, net):
    async def main():
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            crowd = [socket.socket() for _ in range(4)]
            for sock in crowd:
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
            async with net.visiting(port, connect_timeout=0.05) as site:
                with pytest.raises(ConnectTimedOut) as caught:
                    await site.get()
                assert caught.value.body.endswith(b"reset reason: connection timeout")
            for sock in crowd:
                sock.close()

    run(main)


def test_a_cancelled_wait_leaves_nothing_behind(run, net):
    async def main():
        async with net.listening(net.silent) as port, net.visiting(port) as site:
            for pause in (0, 1, 2, 3):
                waiting = [asyncio.create_task(site.get()) for _ in range(20)]
                for _ in range(pause):
                    await asyncio.sleep(0)
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
                await until(lambda: site.pools.counters.connecting == 0)
                assert site.upstream.pending == site.pools.counters.waiting == 0
                assert site.counts[0] == site.counts[1] == site.upstream.connections
                site.pools.drain([site.host])
                site.host.pool = None
                await until(lambda: site.counts[0] == 0)

    run(main)


def test_a_connection_that_served_its_share_is_replaced(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port:
            async with net.visiting(port, max_requests_per_connection=2) as site:
                for _ in range(5):
                    await site.get()
                await until(lambda: site.counts[2] == 3 and site.counts[0] == 1)

    run(main)


def test_idle_connections_go_after_their_time(run, net, monkeypatch):
    monkeypatch.setattr(pool_module, "TURN", 0.01)

    async def main():
        async with net.listening(net.always(OK)) as port:
            for settings in ({"idle_timeout": 0.3}, {"max_connection_duration": 0.3}):
                async with net.visiting(port, **settings) as site:
                    await site.get()
                    assert site.counts == (1, 1, 1)
                    await site.settled(0, 0, 1)
            async with net.visiting(port, idle_timeout=None) as site:
                await site.get()
                await asyncio.sleep(0.05)
                assert site.counts == (1, 1, 1)

    run(main)


def test_a_connection_past_its_age_ends_with_its_exchange(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port, max_connection_duration=0.0) as site:
            assert (await site.get()).status == 200
            await site.settled(0, 0, 1)

    run(main)


def test_draining_ends_idle_connections_now_and_busy_ones_with_their_exchange(run, net):
    async def main():
        gates = []
        async with net.listening(on_demand(gates)) as port, net.visiting(port) as site:
            busy, other = (asyncio.create_task(site.get()) for _ in range(2))
            await until(lambda: len(gates) == 2)
            gates[1].set()
            await asyncio.wait([busy, other], return_when=asyncio.FIRST_COMPLETED)
            site.pools.drain([site.host])
            await site.settled(1, 0, 2)
            gates[0].set()
            for task in (busy, other):
                assert (await task).status == 200
            await site.settled(0, 0, 2)

    run(main)


def test_a_request_admitted_before_the_drain_still_gets_through(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            await site.get()
            site.pools.drain([site.host])
            assert (await site.get()).status == 200
            await site.settled(0, 0, 2)

    run(main)


def test_an_ejected_host_gets_fresh_connections_which_stay(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            await site.get()
            site.pools.renew(site.host)
            await site.settled(0, 0, 1)
            for _ in range(3):
                assert (await site.get()).status == 200
            await site.settled(1, 1, 2)

    run(main)


def test_closing_the_pools_ends_everything_and_says_so(run, net):
    async def main():
        async with net.listening(net.silent) as port, net.visiting(port) as site:

            async def endless():
                while True:
                    yield b"x" * 1000

            tasks = [asyncio.create_task(site.get()), asyncio.create_task(site.get(b"POST", body=endless()))]
            await until(lambda: site.counts[0] == 2)
            tasks.append(asyncio.create_task(site.get()))
            await asyncio.sleep(0)
            await site.pools.aclose()
            assert site.counts[:2] == (0, 0)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(outcome, Exception) for outcome in outcomes)
            with pytest.raises(Closed):
                await site.get()

    run(main)


def test_a_cluster_that_speaks_only_http_2_is_refused_in_words(run, net):
    async def main():
        async with net.visiting(1, version="h2") as site:
            with pytest.raises(ConnectFailed, match="HTTP/2"):
                await site.get()

    run(main)


def test_running_out_of_file_descriptors_is_an_error_that_passes(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            try:
                with pytest.raises(ConnectFailed, match="Too many open files"):
                    await site.get()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert (await site.get()).status == 200

    run(main)


def test_thousands_of_cancelled_requests_leave_no_trace(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port, limits=Limits(connections=20)) as site:
            for _ in range(20):
                tasks = [asyncio.create_task(site.get()) for _ in range(50)]
                for turn, task in enumerate(tasks):
                    asyncio.get_running_loop().call_later(0.0002 * turn, task.cancel)
                await asyncio.gather(*tasks, return_exceptions=True)
            await until(lambda: site.pools.counters.connecting == 0 and site.counts[0] == site.counts[1])
            assert site.upstream.pending == 0 and site.upstream.connections == site.counts[0] <= 20
            assert len(asyncio.all_tasks()) <= 1 + 2 * 20 + 1
            assert (await site.get()).status == 200

    run(main)


def test_closing_between_handing_on_and_sending_starts_nothing_new(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port:
            for turns in range(8):
                async with net.visiting(port, limits=Limits(connections=1)) as site:
                    tasks = [asyncio.create_task(site.get()) for _ in range(5)]
                    while not site.counts[2]:  # noqa: ASYNC110  # turn by turn
                        await asyncio.sleep(0)
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    await site.pools.aclose()
                    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                    assert all(isinstance(each, MeshError) or each.status == 200 for each in outcomes)
                    assert site.counts == (0, 0, 1)

    run(main)
