"""Cases out of the blue: hypothesis makes them up, Envoy and meshio answer, and what they disagree on is shrunk."""

import asyncio
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from harness.areas import AREAS
from harness.case import Case, Json
from harness.compare import differences
from harness.envoy import Envoy, running
from harness.process import replay
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, ROUTES, WORDS

ORDER = [WORDS[each] for each in (CLUSTER, ASSIGNMENT, LISTENER, ROUTES)]  # as Envoy is told
CRASH = b"[critical][backtrace]"  # in what Envoy prints
SHRINKING = 45.0  # seconds in which a disagreement may become smaller
PART = 100  # configurations that one process makes up before the next part is shared out


@dataclass
class Tally:
    """What became of an area's cases; `found` is the smallest disagreement of each part, as YAML and in words.

    `crashed` are configurations that end Envoy itself: then there is nothing to agree with.
    """

    area: str
    configs: int = 0
    requests: int = 0
    refused: int = 0
    crashed: int = 0
    found: list[str] = field(default_factory=list)
    disagreements: int = 0

    def __iadd__(self, other: "Tally") -> "Tally":
        self.configs += other.configs
        self.requests += other.requests
        self.refused += other.refused
        self.crashed += other.crashed
        self.found += other.found
        self.disagreements += other.disagreements
        return self


class Disagreement(AssertionError):
    """Envoy and meshio gave different answers."""


def make_up(areas: Iterable[str], number: int, share: float, told: Callable[[Tally], None]) -> list[Tally]:
    """Cases of these areas, on all processors. The same number makes up the same cases."""
    tallies = {area: Tally(area) for area in areas}
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        parts = [pool.submit(explore, area, part, number, size) for area, part, size in divided(tallies, share)]
        for each in as_completed(parts):
            part = each.result()
            tallies[part.area] += part
            told(part)
    return list(tallies.values())


def whole(areas: Iterable[str], share: float) -> int:
    """How many configurations that is."""
    return sum(size for _, _, size in divided(areas, share))


def divided(areas: Iterable[str], share: float) -> Iterable[tuple[str, int, int]]:
    """Area, number of the part, and size; the first parts of all areas come first."""
    sizes = {area: max(1, int(AREAS[area].count * share)) for area in areas}
    for at in range(0, max(sizes.values(), default=0), PART):
        for area, size in sizes.items():
            if at < size:
                yield area, at // PART, min(PART, size - at)


class Steady:
    """An Envoy that is started again when it has ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._envoys: AbstractAsyncContextManager[Envoy] | None = None

    async def run(self, case: Case) -> Json:
        """What it does, or {} where a case makes it crash; the case before may have, so it gets another one."""
        return await self._run(case) or await self._run(case)

    async def _run(self, case: Case) -> Json:
        if self._envoys is None:
            self._envoys = running(self._folder)
            self._envoy = await self._envoys.__aenter__()
        answering = asyncio.create_task(self._envoy.run(case))
        while not (await asyncio.wait({answering}, timeout=0.05))[0]:
            if self._crashing() and not answering.cancelling():
                answering.cancel()
        if self._crashing():
            await asyncio.gather(answering, return_exceptions=True)
            await self.end()
            return {}
        try:
            return answering.result()
        except TimeoutError:
            await self.end()
            return {"stuck": (self._folder / "envoy.log").read_text()[-500:]}

    def _crashing(self) -> bool:
        """Whether it has begun to: a crash may take its time to say why, and even not end."""
        return self._envoy.process.returncode is not None or CRASH in (self._folder / "envoy.log").read_bytes()

    async def end(self) -> None:
        if self._envoys is not None:
            if self._crashing() and self._envoy.process.returncode is None:
                self._envoy.process.kill()
            await self._envoys.__aexit__(None, None, None)
            self._envoys = None


def explore(area: str, part: int, number: int, count: int) -> Tally:
    """Make up cases of an area, one Envoy for all of them."""
    logging.getLogger("meshio").setLevel(logging.CRITICAL)  # refusals are outcomes here
    name = f"{area} {part}"  # addresses follow from it, and parts run at once
    tally, smallest, limit = Tally(area), dict[str, list[str]](), {"shrinking": float("inf")}
    with asyncio.Runner() as loop, tempfile.TemporaryDirectory() as folder:
        envoy = Steady(Path(folder))

        @seed(number * 1000 + part)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(AREAS[area].cases)
        def agree(told: Json) -> None:
            if time.monotonic() > limit["shrinking"]:
                return  # hypothesis takes it for a flaky one, and is content with what it has
            case = Case("generated", name, told)
            found = loop.run(ask_both(case, envoy, tally))
            if found and case.compare != "distribution":  # a busy machine may have run out of time
                found = loop.run(ask_both(case, envoy, Tally(area)))
            if found:
                limit["shrinking"] = min(limit["shrinking"], time.monotonic() + SHRINKING)
                smallest["last"] = [written(area, told), *found]
                raise Disagreement(area)

        try:
            agree()
        except (Disagreement, Flaky):
            tally.found, tally.disagreements = smallest["last"], 1
        finally:
            loop.run(envoy.end())
    return tally


async def ask_both(case: Case, envoy: Steady, tally: Tally) -> list[str]:
    theirs, ours = json.loads(json.dumps([await envoy.run(case), await replay(case)]))
    tally.configs += 1
    tally.crashed += not theirs
    tally.refused += "refused" in theirs
    tally.requests += sum(ask.repeat for ask in case.asks) if theirs and "refused" not in theirs else 0
    return differences(case, *(first_refused(each) for each in (theirs, ours))) if theirs else []


def first_refused(outcome: Json) -> Json:
    """Envoy is not told the rest once it has refused a resource."""
    return {"refused": min(outcome["refused"], key=ORDER.index)} if "refused" in outcome else outcome


def written(area: str, told: Json) -> str:
    """Ready to be pasted into cases/generated.yaml."""
    lines = yaml.dump([{"name": f"{area}: what it shows", **told}], sort_keys=False, width=110, default_flow_style=None)
    return str(lines)
