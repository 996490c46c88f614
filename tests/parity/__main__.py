"""Hold meshio to a real Envoy, live.

python tests/parity [TOPIC...] [--case PART] [--record] [--again] [--seed N] [--share X]

TOPIC          only these, and no made-up cases unless one of their areas is named, too
--case PART    only cases whose name holds this
--record       keep Envoy's answers of cases that are new or have changed (with --again: of all)
--seed N       make up the same cases as the run that printed this number
--share X      make up X times as many as usual
"""

import argparse
import asyncio
import logging
import random
import sys
import time

from harness import recorded
from harness.case import Case, load, topics
from harness.envoy import version
from harness.generated import PLANS, Tally, explore
from harness.live import Bench, Verdict, keep
from harness.tally import keep_last_run, table
from rich.console import Console

out = Console(highlight=False)


def main() -> int:
    words = parsed()
    logging.getLogger("meshio").setLevel(logging.CRITICAL)  # refusals are outcomes here
    began = time.monotonic()
    wanted = words.topics or [*topics(), *PLANS]
    cases = {topic: load(topic) for topic in wanted if topic not in PLANS}
    verdicts = run_fixed(chosen(cases, words))
    if words.record:
        for topic, all_of in cases.items():
            keep([each for each in verdicts if each.case.topic == topic], all_of, version())
    tallies = [made_up(area, words) for area in wanted if area in PLANS and not (words.case or words.record)]
    seconds = time.monotonic() - began
    out.print(table(verdicts, tallies, f"meshio and Envoy {version()}, {seconds:.0f} s, seed {words.seed}"))
    unexplained = any(each.kind == "unexplained" for each in verdicts) or any(each.found for each in tallies)
    if words.keep and not unexplained:
        keep_last_run(verdicts, tallies, version(), words.seed)
    return int(unexplained)


def chosen(cases: dict[str, list[Case]], words: argparse.Namespace) -> list[Case]:
    """Recording leaves alone what has a recording already."""
    wanted = [case for each in cases.values() for case in each if words.case in case.name]
    if not words.record or words.again:
        return wanted
    entries = {topic: recorded.read(topic) for topic in cases}
    return [case for case in wanted if not recorded.is_current(case, entries[case.topic])]


def run_fixed(cases: list[Case]) -> list[Verdict]:
    bench = Bench(told=tell)
    asyncio.run(bench.run(cases))
    return bench.verdicts


def made_up(area: str, words: argparse.Namespace) -> Tally:
    tally = explore(area, words.seed, words.share)
    if tally.found:
        out.print(*tally.found, sep="\n", soft_wrap=True, markup=False)
    return tally


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
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
