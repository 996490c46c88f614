"""Hold meshio to a real Envoy, live.

python tests/parity [TOPIC...] [--case PART] [--record] [--again]

--case PART    only cases whose name holds this
--record       keep Envoy's answers of cases that are new or have changed (with --again: of all)
"""

import argparse
import asyncio
import sys
import time
from collections import Counter

from harness import recorded
from harness.case import Case, load, topics
from harness.envoy import version
from harness.live import Bench, Verdict, keep
from rich.console import Console
from rich.table import Table

out = Console(highlight=False)
KINDS = ("agreed", "known", "unexplained")


def main() -> int:
    words = parsed()
    cases = {topic: load(topic) for topic in words.topics or topics()}
    wanted = [case for each in cases.values() for case in each if words.case in case.name]
    if words.record and not words.again:
        entries = {topic: recorded.read(topic) for topic in cases}
        wanted = [case for case in wanted if not recorded.is_current(case, entries[case.topic])]
    began = time.monotonic()
    bench = Bench(told=tell)
    asyncio.run(bench.run(wanted))
    if words.record:
        for topic, all_of in cases.items():
            keep([each for each in bench.verdicts if each.case.topic == topic], all_of, version())
    show(bench.verdicts, time.monotonic() - began)
    return int(any(each.kind == "unexplained" for each in bench.verdicts))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="parity", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("topics", nargs="*", metavar="TOPIC")
    parser.add_argument("--case", default="", metavar="PART")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--again", action="store_true")
    return parser.parse_args()


def tell(verdict: Verdict) -> None:
    if verdict.kind == "unexplained":
        out.print(str(verdict.case), *verdict.words(), sep="\n    ", soft_wrap=True, markup=False)


def show(verdicts: list[Verdict], seconds: float) -> None:
    table = Table("topic", *(("cases", "requests", *KINDS)), title=f"meshio and Envoy {version()}, {seconds:.0f} s")
    for topic in dict.fromkeys(sorted(each.case.topic for each in verdicts)):
        table.add_row(topic, *row([each for each in verdicts if each.case.topic == topic]))
    table.add_section()
    table.add_row("all", *row(verdicts))
    out.print(table)


def row(verdicts: list[Verdict]) -> list[str]:
    counts = Counter(each.kind for each in verdicts)
    return [str(number) for number in (len(verdicts), requests(verdicts), *(counts[kind] for kind in KINDS))]


def requests(verdicts: list[Verdict]) -> int:
    return sum(asked(each.case) for each in verdicts)


def asked(case: Case) -> int:
    return 0 if case.rejected else sum(ask.repeat for ask in case.asks)


if __name__ == "__main__":
    sys.exit(main())
