"""From bytes to published: what a push costs, and how long it keeps the loop.

    python benches/publish.py [--json FILE]

The recording of a real istiod with 1,001 services: 2,017 clusters, 2,010 load assignments with 18,000 endpoints (one
of them with 10,000), 13 listeners, 8 route tables of up to 1,000 virtual hosts.

    everything             the first snapshot, as at start
    all endpoints          the 2,010 load assignments, everything else being there
    10,000 endpoints       the one large load assignment, everything else being in service
    one endpoint changed   the same again, with one endpoint that differs

Time is CPU time of the thread, so that what else the machine does counts little. A stall is what passes between two
turns of the loop. Python's garbage collector is on. It walks all that the process holds, so what was there before (the
imported modules) is frozen, as in a server that calls `gc.freeze()` when it is up; `as Python comes` is without that.
"""

import asyncio
import gc
import gzip
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from figures import QUICK, ROUNDS, Figures, median_of_rounds

from meshio.mesh.dataplane import Dataplane
from meshio.mesh.manner import Manner
from meshio.mesh.resolve import resolve
from meshio.mesh.snapshot import Identity
from meshio.message import Request, Response, Send
from meshio.upstream.upstream import Upstream
from meshio.xds.discovery import Change
from meshio.xds.envelope import read_reply
from meshio.xds.intake import Intake
from meshio.xds.served import write_reply
from meshio.xds.types import CLUSTER, LISTENER

RECORDING = Path(__file__).parent.parent / "tests" / "golden" / "istiod" / "scale"


@dataclass
class Cost:
    """Milliseconds: the whole, the longest time that the loop was kept, and what of the whole collected garbage."""

    cpu: float = 0.0
    stall: float = 0.0
    garbage: float = 0.0


class Consumer:
    """What a source and a mesh do with messages, without the network between them."""

    def __init__(self) -> None:
        self.intake = Intake()
        self.plane = Dataplane(Identity(), unused)

    async def take(self, *messages: bytes) -> None:
        for message in messages:
            reply = read_reply(message)
            await asyncio.sleep(0)
            change = Change(reply.resources, full=reply.type_url in (CLUSTER, LISTENER))
            faults = await self.intake.take(reply, change, time.time())
            assert not faults, faults
            await asyncio.sleep(0)

    async def publish(self) -> None:
        snapshot = resolve(self.intake.holdings.held()).snapshot
        assert snapshot is not None
        await asyncio.sleep(0)
        await self.plane.prepare(snapshot)
        self.plane.publish(snapshot)

    async def push(self, *messages: bytes) -> None:
        await self.take(*messages)
        await self.publish()


def unused(upstream: Upstream, manner: Manner) -> Send:
    async def send(request: Request) -> Response:
        raise NotImplementedError

    return send


async def measured(work: Coroutine[None, None, None]) -> Cost:
    """Run it beside a task that does nothing but look at the clock each time the loop comes round."""
    cost, task = Cost(), asyncio.ensure_future(work)
    collecting = 0.0

    def watch(phase: str, info: dict[str, int]) -> None:
        nonlocal collecting
        collecting = time.thread_time() - collecting if phase == "stop" else time.thread_time()
        cost.garbage += collecting * 1000 if phase == "stop" else 0.0

    gc.callbacks.append(watch)
    began = last = time.thread_time()
    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        cost.stall, last = max(cost.stall, (now - last) * 1000), now
    gc.callbacks.remove(watch)
    await task
    cost.cpu = (time.thread_time() - began) * 1000
    return cost


def recorded() -> tuple[bytes, ...]:
    """Clusters, load assignments, listeners, route tables."""
    return tuple(gzip.decompress(path.read_bytes()) for path in sorted(RECORDING.glob("*.gz")))


async def everything() -> Cost:
    return await measured(Consumer().push(*recorded()))


async def endpoints() -> Cost:
    consumer = Consumer()
    clusters, assignments, listeners, routes = recorded()
    await consumer.take(clusters, listeners, routes)
    return await measured(consumer.push(assignments))


async def large(changed: bool) -> Cost:
    """The load assignment of 10,000 endpoints alone; `changed`: it is in service already, but for one endpoint."""
    consumer = Consumer()
    clusters, assignments, listeners, routes = recorded()
    reply = read_reply(assignments)
    big = max(reply.resources, key=lambda resource: len(resource.raw))
    before = replace(big, raw=edited(big.raw) if changed else big.raw[: 2 + big.raw[1]])  # the first field is the name
    others = tuple(before if resource is big else resource for resource in reply.resources)
    await consumer.push(clusters, write_reply(replace(reply, resources=others)), listeners, routes)
    cost = await measured(consumer.push(write_reply(replace(reply, resources=(big,)))))
    assert len(consumer.plane.upstreams[big.name].hosts) == 10_000
    return cost


def edited(raw: bytes) -> bytes:
    """A load assignment with another port at the first endpoint."""
    port = raw.index(bytes([0x18]), raw.index(b"10."))  # SocketAddress.port_value
    return raw[: port + 1] + bytes([raw[port + 1] ^ 1]) + raw[port + 2 :]


CASES: dict[str, Callable[[], Coroutine[None, None, Cost]]] = {
    "everything": everything,
    "all endpoints": endpoints,
    "10,000 endpoints": lambda: large(changed=False),
    "one endpoint changed": lambda: large(changed=True),
}
BARS = {"10,000 endpoints": 250, "one endpoint changed": 30}


def main() -> int:
    costs: dict[str, list[Cost]] = {}

    def once(name: str) -> Callable[[], float]:
        def run() -> float:
            gc.collect()
            costs.setdefault(name, []).append(cost := asyncio.run(CASES[name]()))
            return cost.cpu

        return run

    as_it_comes = asyncio.run(everything())
    gc.collect()
    gc.freeze()
    cpu = median_of_rounds({name: once(name) for name in CASES}, 1 if QUICK else ROUNDS)
    stall = {name: median(cost.stall for cost in taken) for name, taken in costs.items()}
    figures = Figures("from bytes to published, ms of CPU")
    figures.add("everything, as Python comes", as_it_comes.cpu, row(as_it_comes))
    for name, value in cpu.items():
        garbage = median(cost.garbage for cost in costs[name])
        figures.add(name, value, row(Cost(value, stall[name], garbage)))
    for name, most in BARS.items():
        figures.bar(f"{name}, CPU", cpu[name], most)
    figures.bar("longest stall of all cases", max(stall.values()), 20)
    return figures.finish()


def row(cost: Cost) -> dict[str, float]:
    return {"longest stall": cost.stall, "garbage collector": cost.garbage}


if __name__ == "__main__":
    sys.exit(main())
