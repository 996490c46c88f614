"""A steady load in the background, and what came of it."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import meshio

CALLERS = 4  # how many requests may be under way at any moment


@dataclass
class Tally:
    """What the requests of one step came to. Times in seconds."""

    versions: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    retried: int = 0

    @property
    def requests(self) -> int:
        return len(self.seconds)

    @property
    def failed(self) -> int:
        return self.errors.total()

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0

    def add(self, other: "Tally") -> None:
        self.versions += other.versions
        self.hosts += other.hosts
        self.seconds += other.seconds
        self.errors += other.errors
        self.retried += other.retried


async def ask(mesh: meshio.Mesh, tally: Tally, headers: dict[str, str] | None = None) -> None:
    """One request to reviews, counted."""
    began = time.perf_counter()
    reply = await mesh.get("http://reviews:9080/reviews/1", headers=headers or {}, timeout=10)
    tally.seconds.append(time.perf_counter() - began)
    tally.retried += reply.mesh.attempts > 1
    if reply.status == 200:
        tally.versions[reply.json()["version"]] += 1
        tally.hosts[reply.mesh.endpoint] += 1
    else:
        tally.errors[f"{reply.status} {','.join(reply.mesh.flags)}"] += 1


class Load:
    """`async with Load(mesh) as tally`: so many callers send one request after the other until the block ends."""

    def __init__(self, mesh: meshio.Mesh, callers: int = CALLERS) -> None:
        self.tally = Tally()
        self._mesh = mesh
        self._callers = callers
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []

    async def _call(self) -> None:
        while not self._ended:
            await ask(self._mesh, self.tally)
            await asyncio.sleep(0)  # an answer of the mesh's own never waits, and others want to run, too

    async def __aenter__(self) -> Tally:
        self._tasks = [asyncio.create_task(self._call()) for _ in range(self._callers)]
        return self.tally

    async def __aexit__(self, *_: object) -> None:
        self._ended = True
        await asyncio.gather(*self._tasks)
