"""Envoy and meshio side by side: every case on both, several at a time."""

import asyncio
import gc
import json
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from harness import recorded
from harness.case import Case, Json
from harness.clock import timeless
from harness.compare import differences
from harness.envoy import Envoy, running
from harness.process import live, replay

LANES = 3  # Envoys at a time: cases with timeouts mostly wait


@dataclass(frozen=True)
class Verdict:
    """What became of a case. `found`: differences, known or not. `envoy` is empty where it gave no answer."""

    case: Case
    envoy: Json
    found: list[str]

    @property
    def kind(self) -> str:
        if not self.envoy or ("refused" in self.envoy) != self.case.rejected:
            return "unexplained"
        if bool(self.found) != bool(self.case.known):
            return "unexplained"
        return "known" if self.found else "agreed"

    def words(self) -> list[str]:
        if not self.found and self.case.known:
            return [f"they agree: this is no difference any more: {self.case.known}"]
        return self.found or ["`rejected` does not say what Envoy does with the resources"]


@dataclass
class Bench:
    """Envoys that are up, and what is still to be asked."""

    verdicts: list[Verdict] = field(default_factory=list)
    told: Callable[[Verdict], None] = lambda verdict: None

    async def run(self, cases: Iterable[Case]) -> None:
        """Cases that have not agreed are asked again, alone: on a busy machine it may have been the time that ran out.

        Not where chance decides: a second chance would spoil the error rate.
        """
        waiting, doubtful = list(cases)[::-1], list[Case]()
        async with asyncio.TaskGroup() as lanes:
            for _ in range(min(LANES, len(waiting))):
                lanes.create_task(self._lane(waiting, doubtful))
        if doubtful:
            gc.collect()
            gc.freeze()  # or looking through it all takes as long as a short timeout, now and then
            await self._lane(doubtful, None)

    async def _lane(self, waiting: list[Case], doubtful: list[Case] | None) -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with running(Path(folder)) as envoy:
                while waiting:
                    case = waiting.pop()
                    verdict = await (judged(case, envoy) if case.local is None else judged_alone(case))
                    unsure = verdict.kind == "unexplained" and case.compare != "distribution"
                    if doubtful is not None and unsure:
                        doubtful.append(case)
                        continue
                    self.verdicts.append(verdict)
                    self.told(verdict)


async def judged_alone(case: Case) -> Verdict:
    """By an Envoy of its own: what it belongs to is said when it starts."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder), case) as envoy:
            return await judged(case, envoy)


async def judged(case: Case, envoy: Envoy) -> Verdict:
    try:
        ours = await (apart(case) if case.compare == "gaps" else live(case))
        theirs, ours = json.loads(json.dumps([await envoy.run(case), ours]))
    except Exception:  # noqa: BLE001  (the others go on; whatever it is, it is no answer)
        return Verdict(case, {}, traceback.format_exc().splitlines()[-3:])
    return Verdict(case, theirs, differences(case, theirs, ours))


async def apart(case: Case) -> Json:
    """In a process of its own, whose clock only leaps: how long meshio waits is its own affair, not the machine's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, replayed, case)


def replayed(case: Case) -> Json:
    return timeless(replay(case))


def keep(verdicts: Sequence[Verdict], cases: Sequence[Case], version: str) -> None:
    """Record a topic: what its cases gave now, and what is kept of before."""
    topic = cases[0].topic
    entries = recorded.read(topic)
    entries |= {each.case.name: {"digest": each.case.digest, "envoy": each.envoy} for each in verdicts if each.envoy}
    recorded.write(topic, list(cases), entries, version)
