"""From bytes to published: what a push costs, and how long it keeps the loop.

    python benches/publish.py [--json FILE]

The recording of a real istiod with 1,001 services: 2,017 clusters, 2,010 load assignments (one of 10,000 endpoints),
13 listeners, 8 route tables of up to 1,000 virtual hosts. First everything, as at start; then the load assignments
alone, as when every endpoint of the mesh is new; then one endpoint among the 10,000 changed.
"""

import asyncio
import gzip
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

from figures import Figures, median_of_rounds

from meshio.mesh.dataplane import Dataplane
from meshio.mesh.forward import Manner
from meshio.mesh.resolve import resolve
from meshio.mesh.snapshot import Identity
from meshio.message import Request, Response, Send
from meshio.upstream.upstream import Upstream
from meshio.xds.discovery import Change, Reply
from meshio.xds.envelope import read_reply
from meshio.xds.intake import Intake
from meshio.xds.types import CLUSTER, LISTENER

RECORDING = Path(__file__).parent.parent / "tests" / "golden" / "istiod" / "scale"
BIG = 200_000  # bytes; only the load assignment of 10,000 endpoints is larger


@dataclass
class Cost:
    """Milliseconds: CPU of the whole, and the longest time that the loop was kept."""

    cpu: float = 0.0
    stall: float = 0.0


class Consumer:
    """What a source and a mesh do with replies, without the network between them."""

    def __init__(self) -> None:
        self.intake = Intake()
        self.plane = Dataplane(Identity(), unused)

    async def take(self, reply: Reply) -> None:
        change = Change(reply.resources, full=reply.type_url in (CLUSTER, LISTENER))
        faults = await self.intake.take(reply, change, time.time())
        assert not faults, faults

    async def publish(self) -> None:
        snapshot = resolve(self.intake.holdings.held()).snapshot
        assert snapshot is not None
        await self.plane.prepare(snapshot)
        self.plane.publish(snapshot)


def unused(upstream: Upstream, manner: Manner) -> Send:
    async def send(request: Request) -> Response:
        raise NotImplementedError

    return send


async def measured(work: Coroutine[None, None, None]) -> Cost:
    """Run it beside a task that does nothing but look at the clock each time the loop comes round."""
    cost, task = Cost(), asyncio.ensure_future(work)
    began, last = time.process_time(), time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        cost.stall, last = max(cost.stall, (now - last) * 1000), now
    await task
    cost.cpu = (time.process_time() - began) * 1000
    return cost


def messages() -> list[bytes]:
    return [gzip.decompress(path.read_bytes()) for path in sorted(RECORDING.glob("*.gz"))]


async def everything(raw: list[bytes]) -> Cost:
    consumer = Consumer()

    async def work() -> None:
        for message in raw:
            await consumer.take(read_reply(message))
        await consumer.publish()

    return await measured(work())


async def endpoints(raw: list[bytes], only_one: bool) -> Cost:
    """The load assignments alone; with `only_one`, a second push in which one endpoint of 10,000 differs."""
    consumer = Consumer()
    clusters, assignments, listeners, routes = (read_reply(message) for message in raw)
    for reply in (clusters, listeners, routes):
        await consumer.take(reply)
    if only_one:
        await consumer.take(assignments)
        await consumer.publish()
        assignments = edited(assignments)

    async def work() -> None:
        await consumer.take(assignments)
        await consumer.publish()

    return await measured(work())


def edited(assignments: Reply) -> Reply:
    """The big load assignment with another port at the first endpoint, as a delta reply would bring it."""
    (big,) = [resource for resource in assignments.resources if len(resource.raw) > BIG]
    port = bytes([0x18])  # SocketAddress.port_value
    at = big.raw.index(port, big.raw.index(b"10."))
    raw = big.raw[: at + 1] + bytes([big.raw[at + 1] ^ 1]) + big.raw[at + 2 :]
    return replace(assignments, resources=(replace(big, raw=raw),))


def main() -> int:
    raw, costs = messages(), dict[str, list[Cost]]()

    def once(name: str, run: Callable[[], Coroutine[None, None, Cost]]) -> Callable[[], float]:
        def measure() -> float:
            costs.setdefault(name, []).append(cost := asyncio.run(run()))
            return cost.cpu

        return measure

    cases = {
        "everything": lambda: everything(raw),
        "all endpoints": lambda: endpoints(raw, False),
        "one endpoint changed": lambda: endpoints(raw, True),
    }
    cpu = median_of_rounds({name: once(name, run) for name, run in cases.items()})
    stall = {name: sorted(cost.stall for cost in taken)[len(taken) // 2] for name, taken in costs.items()}
    figures = Figures("from bytes to published, ms")
    for name, value in cpu.items():
        figures.add(name, value, {"longest stall": stall[name]})
    figures.bar("all endpoints, CPU", cpu["all endpoints"], 250)
    figures.bar("longest stall of all", max(stall.values()), 20)
    figures.bar("one endpoint changed, CPU", cpu["one endpoint changed"], 30)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
