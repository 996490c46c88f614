"""Hold meshio to a real Envoy, live.

python tests/parity [TOPIC...] [--case PART] [--record] [--again] [--seed N] [--share X]

TOPIC          only these, and no made-up cases unless one of their areas is named, too
--case PART    only cases whose name holds this
--record       keep Envoy's answers of cases that are new or have changed (with --again: of all)
--seed N       make up the same cases as the run that printed this number
--share X      make up X times as many as usual
--keep         keep the numbers of a whole run for docs/parity.md
"""

import argparse
import asyncio
import logging
import random
import sys
import time
from collections.abc import Callable

from harness import recorded
from harness.areas import AREAS
from harness.case import Case, load, topics
from harness.envoy import version
from harness.generated import Tally, make_up, whole
from harness.live import Bench, Verdict, keep
from harness.tally import keep_last_run, table
from rich.console import Console

out = Console(highlight=False)


def main() -> int:
    words = parsed()
    logging.getLogger("meshio").setLevel(logging.CRITICAL)  # refusals are outcomes here
    began = time.monotonic()
    wanted = words.topics or [*topics(), *AREAS]
    cases = {topic: load(topic) for topic in wanted if topic not in AREAS}
    verdicts = run_fixed(chosen(cases, words))
    if words.record:
        for topic, all_of in cases.items():
            keep([each for each in verdicts if each.case.topic == topic], all_of, version())
    areas = [area for area in wanted if area in AREAS and not (words.case or words.record)]
    tallies = make_up(areas, words.seed, words.share, told_of(areas, words.share))
    seconds = time.monotonic() - began
    out.print(table(verdicts, tallies, f"meshio and Envoy {version()}, {seconds:.0f} s, seed {words.seed}"))
    unexplained = any(each.kind == "unexplained" for each in verdicts) or any(each.found for each in tallies)
    if words.keep and not unexplained:
        keep_last_run(verdicts, tallies, version(), words.seed, seconds)
    return int(unexplained)


def chosen(cases: dict[str, list[Case]], words: argparse.Namespace) -> list[Case]:
    """Recording leaves alone what has a recording already."""
    wanted = [case for each in cases.values() for case in each if words.case in case.name]
    if not words.record or words.again:
        return wanted
    entries = {topic: recorded.read(topic) for topic in cases}
    return [case for case in wanted if not recorded.is_current(case, entries[case.topic])]


def run_fixed(cases: list[Case]) -> list[Verdict]:
    progress = Progress("fixed", len(cases))

    def told(verdict: Verdict) -> None:
        tell(verdict)
        progress.add(1)

    bench = Bench(told=told)
    asyncio.run(bench.run(cases))
    return bench.verdicts


class Progress:
    """A line for each tenth that is done."""

    def __init__(self, what: str, whole: int) -> None:
        self._what, self._whole, self._done, self._tenths = what, whole, 0, 0
        self._began = time.monotonic()

    def add(self, number: int) -> None:
        self._done += number
        if (tenths := 10 * self._done // max(1, self._whole)) > self._tenths:
            self._tenths = tenths
            out.print(f"{self._what}: {self._done} of {self._whole}, {time.monotonic() - self._began:.0f} s")


def told_of(areas: list[str], share: float) -> Callable[[Tally], None]:
    progress = Progress("made up", whole(areas, share))

    def told(part: Tally) -> None:
        out.print(*part.found, sep="\n", end="\n" if part.found else "", soft_wrap=True, markup=False)
        progress.add(part.configs)

    return told


def tell(verdict: Verdict) -> None:
    if verdict.kind == "unexplained":
        out.print(str(verdict.case), *verdict.words(), sep="\n    ", soft_wrap=True, markup=False)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="parity", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("topics", nargs="*", metavar="TOPIC")
    parser.add_argument("--case", default="", metavar="PART")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="N")
    parser.add_argument("--share", type=float, default=1.0, metavar="X")
    words = parser.parse_args()
    if words.keep and (words.topics or words.case or words.record or words.share < 1):
        parser.error("--keep is for a whole run")
    return words


if __name__ == "__main__":
    sys.exit(main())
