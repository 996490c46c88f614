"""Many requests at once, and many that end badly: limits hold, nobody waits for ever, nothing is left."""

import asyncio
import gc
from collections import Counter
from random import Random

import pytest

import meshio
from meshio.transport.h1 import H1
from tests.behaviour.world import OK, Upstream, entry, idle, mesh_of, until

LIMITS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: default}}
spec:
  host: web
  trafficPolicy:
    connectionPool:
      tcp: {{maxConnections: {connections}}}
      http: {{http1MaxPendingRequests: {pending}, http2MaxRequests: {requests}}}
"""
PARALLEL = 500


def limits(connections=100_000, pending=100_000, requests=100_000):
    return LIMITS.format(connections=connections, pending=pending, requests=requests)


class Gate:
    """An upstream that answers nobody before it is opened."""

    def __init__(self):
        self.opened = asyncio.Event()

    async def talk(self, reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await self.opened.wait()
            writer.write(OK)


@pytest.mark.parametrize(
    ("settings", "served"),
    [
        ({"connections": 10, "pending": 100}, 100),
        ({"connections": 1, "pending": 1}, 1),
        ({"requests": 50, "connections": 60}, 50),
        ({"connections": 1, "pending": 1000}, 500),
        ({"connections": 20, "pending": 1000}, 500),
    ],
    ids=str,
)
def test_of_500_at_once_those_over_the_limit_are_told_at_once_and_all_others_are_served(
    settings, served, run, tmp_path
):
    async def scenario():
        gate = Gate()
        up = Upstream(gate.talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), limits(**settings)) as mesh:
            calls = [asyncio.create_task(mesh.get("http://web/")) for _ in range(PARALLEL)]
            await until(lambda: sum(call.done() for call in calls) == PARALLEL - served)  # before anything is answered
            for reply in (call.result() for call in calls if call.done()):
                assert (reply.status, reply.mesh.flags) == (503, ["UO"])
                assert reply.headers["x-envoy-overloaded"] == "true"
                assert reply.text.endswith("reset reason: overflow")
            gate.opened.set()
            statuses = Counter(reply.status for reply in await asyncio.gather(*calls))
            assert statuses == Counter({200: served, 503: PARALLEL - served} if served < PARALLEL else {200: served})
            assert up.connections <= settings.get("connections", PARALLEL)
            assert idle(mesh)

    run(scenario())


def test_who_waits_for_a_connection_is_served_in_the_order_of_asking(run, tmp_path):
    async def scenario():
        gate = Gate()
        async with Upstream(gate.talk).listening() as up:
            async with mesh_of(tmp_path, entry(up.port), limits(connections=1)) as mesh:
                served = []

                async def ask(number):
                    await mesh.get("http://web/")
                    served.append(number)

                calls = [asyncio.create_task(ask(number)) for number in range(100)]
                await until(lambda: mesh.pools.counters.waiting == 99)
                gate.opened.set()
                await asyncio.gather(*calls)
                assert served == list(range(100))

    run(scenario())


class Moody:
    """An upstream that behaves as a seeded dice says, most of the time badly."""

    def __init__(self):
        self.dice = Random(1)

    async def talk(self, reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            match self.dice.randrange(7):
                case 0:
                    writer.transport.abort()
                    return
                case 1:
                    writer.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
                case 2:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort")
                    return
                case 3:
                    writer.write(b"nonsense\r\n\r\n")
                    return
                case 4:
                    await asyncio.sleep(0.01)
                    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
                case _:
                    writer.write(OK)


async def some(dice):
    for _ in range(dice.randrange(4)):
        await asyncio.sleep(0)
        yield b"piece"


async def misuse(mesh, dice):
    """One request, as a careless caller makes it."""
    try:
        match dice.randrange(5):
            case 0:
                async with mesh.stream("GET", "http://web/") as reply:
                    if dice.random() < 0.5:
                        await reply.read()
            case 1:
                await mesh.get("http://web/", timeout=dice.random() / 100)
            case 2:
                await mesh.post("http://web/", content=some(dice))
            case 3:
                async with asyncio.timeout(dice.random() / 100):
                    await mesh.get("http://web:1/" if dice.random() < 0.1 else "http://web/")
            case _:
                await mesh.get("http://web/")
    except (TimeoutError, meshio.RequestError):
        pass


async def careless(mesh, rounds):
    """A hundred callers at once, a third of whom are cancelled; and again."""
    dice = Random(2)
    for _ in range(rounds):
        calls = [asyncio.create_task(misuse(mesh, dice)) for _ in range(100)]
        await asyncio.sleep(0.001)
        for call in dice.sample(calls, 30):
            call.cancel()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        assert idle(mesh)


def test_a_thousand_requests_that_end_badly_leave_no_task_connection_or_count(run, tmp_path):
    async def scenario():
        before = asyncio.all_tasks()
        async with Upstream(Moody().talk).listening() as up:
            server = asyncio.all_tasks()
            async with mesh_of(tmp_path, entry(up.port)) as mesh:
                own = len(asyncio.all_tasks() - server)
                await careless(mesh, rounds=10)
                await until(lambda: not mesh.pools.counters.connecting)
                counters = mesh.pools.counters
                assert counters.waiting == 0
                assert counters.open == counters.idle == sum(each.connections for each in mesh.upstreams.values())
                await until(lambda: up.open == counters.open)  # nor does the other side hold more
                assert len(asyncio.all_tasks() - server) == own + up.open
            await until(lambda: up.open == 0)
        await until(lambda: asyncio.all_tasks() == before)
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, H1)]

    run(scenario())
