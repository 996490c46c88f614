"""Requests that are cancelled by the thousand, endpoints and meshes that end under streams: nothing is left."""

import asyncio
import gc
import tracemalloc
from random import Random

import pytest

import meshio
from meshio.transport.h1 import H1
from tests.behaviour.test_faults import NO_RETRY, counted_out, retrying
from tests.behaviour.world import OK, Upstream, entry, idle, mesh_of, until

CANCELLED, AT_ONCE = 10_000, 250
TOLD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbegun"


def quick(factory):
    """Without asyncio's debugging, which costs several times as much as what is tested."""
    return asyncio.Runner(debug=False, loop_factory=factory)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_factory(request):
    return None if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop


async def half_way(reader, writer):
    """Never an answer, or the beginning of one, or a whole one that leaves an idle connection."""
    number = 0
    while await reader.readuntil(b"\r\n\r\n"):
        number += 1
        if number % 3 == 1:
            writer.write(OK)
        elif number % 3 == 2:
            writer.write(TOLD)


async def endless():
    while True:
        yield b"piece" * 100
        await asyncio.sleep(0)


async def ask(mesh, number):
    """As one of four kinds of callers."""
    match number % 4:
        case 0:
            await mesh.post("http://web/", content=endless())
        case 1:
            async with mesh.stream("GET", "http://web/") as reply:
                async for _ in reply.stream():
                    pass
        case _:
            await mesh.get("http://web/")


async def cancel_many(mesh, total, dice):
    """Each is cancelled after a random number of turns of the loop: before it begins, as it dials, as it reads."""
    for start in range(0, total, AT_ONCE):
        calls = [asyncio.create_task(ask(mesh, start + number)) for number in range(AT_ONCE)]
        for _ in range(dice.randrange(12)):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        assert idle(mesh)


def live(*kinds):
    gc.collect()
    return sum(isinstance(each, kinds) for each in gc.get_objects())


@pytest.mark.timeout(120)
def test_ten_thousand_cancelled_requests_leave_no_connection_task_future_or_memory(loop_factory, tmp_path):
    async def scenario():
        up = Upstream(half_way)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            dice = Random(1)

            async def quiet():
                await until(lambda: counted_out(mesh, up))
                gc.collect()  # may wake generators, which the loop closes
                await asyncio.sleep(0.05)  # the upstream may still accept what was given up
                await until(lambda: counted_out(mesh, up))
                objects = live(asyncio.Task, asyncio.Future) - 4 * up.open  # of the upstream, for each connection
                return objects, live(H1) - mesh.pools.counters.open

            await cancel_many(mesh, CANCELLED // 10, dice)  # what is made once, is made
            before = await quiet()
            tracemalloc.start()
            try:
                await cancel_many(mesh, CANCELLED * 9 // 10, dice)
                after = await quiet()
                grown = tracemalloc.get_traced_memory()[0] / (1 << 20)
            finally:
                tracemalloc.stop()
            assert after[1] == before[1] == 0
            assert after[0] <= before[0] + 20
            assert grown < 4, f"{grown:.1f} MiB"
            assert (await mesh.get("http://web/")).status == 200

    with quick(loop_factory) as runner:
        runner.run(scenario())


class Slow:
    """Sends a long body, a piece each time it is told to."""

    def __init__(self):
        self.more = asyncio.Semaphore(0)

    async def talk(self, reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
            for _ in range(4):
                await self.more.acquire()
                writer.write(b"piece")


def ports(mesh):
    return {port for each in mesh.upstreams.values() for _, port in each.hosts}


def test_an_endpoint_that_leaves_under_a_stream_is_let_go_when_the_stream_has_ended(run, tmp_path):
    async def scenario():
        old, new = Slow(), Slow()
        async with Upstream(old.talk).listening() as up, Upstream(new.talk).listening() as other:
            async with mesh_of(tmp_path, entry(up.port)) as mesh:
                async with mesh.stream("GET", "http://web/") as reply:
                    chunks = reply.stream()
                    old.more.release()
                    assert await anext(chunks) == b"piece"
                    (tmp_path / "mesh.yaml").write_text(entry(other.port))
                    await until(lambda: ports(mesh) == {other.port})
                    assert up.open == 1
                    for _ in range(3):
                        old.more.release()
                    assert b"".join([chunk async for chunk in chunks]) == b"piece" * 3
                await until(lambda: up.open == 0)

    run(scenario())


async def outcome_of(work):
    """What a caller has of it: a status, or the error."""
    try:
        reply = await work
    except meshio.MeshError as error:
        return type(error).__name__
    return reply.status


async def read_all(mesh):
    async with mesh.stream("GET", "http://web/") as reply:
        await reply.read()
        return reply


BUSY = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec:
  host: web
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 8}}}
"""


def test_a_mesh_that_is_closed_under_everything_ends_everything(run, tmp_path):
    """Uploads, downloads, answers that do not come, waits for a connection, pauses between retries."""

    async def scenario():
        before = asyncio.all_tasks()
        up = Upstream(half_way)
        async with up.listening():
            (tmp_path / "mesh.yaml").write_text("---".join([entry(up.port), BUSY, retrying("5xx,reset")]))
            mesh = meshio.Mesh.from_env({"MESHIO_CONFIG": str(tmp_path)})
            async with mesh:
                work = [mesh.post("http://web/", content=endless()) for _ in range(10)]
                work += [read_all(mesh) for _ in range(10)] + [mesh.get("http://web/") for _ in range(10)]
                calls = [asyncio.create_task(outcome_of(each)) for each in work]
                await until(lambda: mesh.pools.counters.waiting > 5)
            outcomes = await asyncio.wait_for(asyncio.gather(*calls), 10)
            assert set(outcomes) <= {200, 503, "Reset", "Closed"}
            assert idle(mesh)
            await until(lambda: not up.open)
        await until(lambda: asyncio.all_tasks() == before)
        assert live(H1) == 0

    run(scenario())


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
def test_a_mesh_may_be_closed_in_any_turn_of_a_request(turns, run, tmp_path):
    async def scenario():
        up = Upstream(half_way)
        async with up.listening():
            (tmp_path / "mesh.yaml").write_text(entry(up.port))
            async with meshio.Mesh.from_env({"MESHIO_CONFIG": str(tmp_path)}) as mesh:
                calls = [asyncio.create_task(outcome_of(ask(mesh, number))) for number in range(2, 8)]
                for _ in range(turns):
                    await asyncio.sleep(0)
            await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
            assert idle(mesh)
            await until(lambda: not up.open)

    run(scenario())
