"""The command: options, progress, results, exit code."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from end_to_end.bars import judge
from end_to_end.cases import FULL, MANY, QUICK, Plan
from end_to_end.chart import draw
from end_to_end.child import Trouble
from end_to_end.compare import changes, differences
from end_to_end.measure import NO_ENVOY, Told, find_envoy, measure
from end_to_end.report import as_dict, show

WIDTH = 180  # columns of a table where the output is no terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 when a bar is missed by more than noise, or 2 when there was trouble."""
    options = read(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception: everything that was started is ended
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    try:
        return run(options, console)
    except Trouble as trouble:
        Console(stderr=True).print(f"the bench cannot go on: {trouble}", markup=False, highlight=False)
        return 2
    except KeyboardInterrupt:
        return 130


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="benches/end_to_end")
    options.add_argument("--json", type=Path, help="write the figures and the machine's facts to this file")
    options.add_argument("--svg", type=Path, help="draw the chart into this file")
    options.add_argument("--compare", type=Path, metavar="OLD.JSON", help="print what changed beyond noise")
    options.add_argument("--rate", type=float, help="requests a second at which they are due, whatever becomes of them")
    options.add_argument("--envoy-threads", type=int, default=1, help="of each sidecar (Istio gives 2; default: 1)")
    return options.parse_args(arguments)


def run(options: argparse.Namespace, console: Console) -> int:
    old = json.loads(options.compare.read_text()) if options.compare else None
    plan = chosen(options.rate)
    envoy = find_envoy()
    if envoy is None:
        console.print(NO_ENVOY, style="yellow")
    with progress(console) as tell:
        results = measure(plan, envoy, options.envoy_threads, tell)
    verdicts = judge(results) if plan.rate is None else []
    show(results, verdicts, console)
    written = as_dict(results, verdicts, options.envoy_threads)
    if options.json:
        options.json.write_text(json.dumps(written, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(draw(results, written["machine"]))
    if old is not None:
        for line in differences(old, written) + (changes(old, written) or ["nothing changed beyond noise"]):
            console.print(line, highlight=False)
    return 1 if any(verdict.word == "missed" for verdict in verdicts) else 0


def chosen(rate: float | None) -> Plan:
    """A fixed rate is for the cases of 32 callers: with one, a slow answer would keep the next request waiting."""
    plan = QUICK if os.environ.get("QUICK") else FULL
    if rate is None:
        return plan
    return replace(plan, rate=rate, cases=tuple(case for case in plan.cases if case.concurrency == MANY))


@contextmanager
def progress(console: Console) -> Iterator[Told]:
    """A bar on a terminal; elsewhere a line for each round."""
    if not console.is_terminal:
        said: set[str] = set()

        def say(text: str, share: float) -> None:
            first = text.partition(",")[0]
            if first not in said:
                said.add(first)
                console.print(f"end to end: {first}", highlight=False)

        yield say
        return
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda text, share: bar.update(task, description=text, completed=share)
