"""What every bench prints and writes: a table for people, JSON with the machine's facts for programs."""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

K = TypeVar("K", bound=Hashable)
ROUNDS = 2 if os.environ.get("QUICK") else 5  # `make bench QUICK=1`


def median_of_rounds(measures: Mapping[K, Callable[[], float]], rounds: int = ROUNDS) -> dict[K, float]:
    """Each measure once per round, in turn, so that a slow spell of the machine hits all; the median of each.

    One more round comes first and does not count.
    """
    for measure in measures.values():
        measure()
    taken: dict[K, list[float]] = {key: [] for key in measures}
    for _ in range(rounds):
        for key, measure in measures.items():
            taken[key].append(measure())
    return {key: statistics.median(values) for key, values in taken.items()}


class Figures:
    """One bench's result. `bar` compares with what the project promises; `finish` is the exit code."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[tuple[str, float, Mapping[str, float]]] = []
        self.bars: list[tuple[str, float, float]] = []
        self.aims: list[tuple[str, float, float]] = []

    def add(self, name: str, value: float, more: Mapping[str, float] | None = None) -> None:
        """A measured value, with others beside it."""
        self.rows.append((name, value, more or {}))

    def bar(self, name: str, value: float, most: float) -> None:
        """A promise: `value` is at most `most`."""
        self.bars.append((name, value, most))

    def aim(self, name: str, value: float, most: float) -> None:
        """Where the next version is to be; to miss it is no failure."""
        self.aims.append((name, value, most))

    def finish(self) -> int:
        """Print the table, write JSON where `--json FILE` asks for it; 1 when a bar is missed."""
        options = argparse.ArgumentParser()
        options.add_argument("--json", type=Path, help="write the figures and the machine's facts to this file")
        target = options.parse_known_args()[0].json
        self.show(Console())
        if target is not None:
            target.write_text(json.dumps(self.as_dict(), indent=1) + "\n")
        return 1 if any(value > most for _, value, most in self.bars) else 0

    def show(self, console: Console) -> None:
        columns = list(dict.fromkeys(name for _, _, more in self.rows for name in more))
        table = Table("measure", "value", *columns, title=self.title)
        for name, value, more in self.rows:
            table.add_row(name, f"{value:,.3g}", *(f"{more[c]:,.3g}" if c in more else "" for c in columns))
        console.print(table)
        for name, value, most in self.bars:
            verdict = "[green]met[/]" if value <= most else "[red]missed[/]"
            console.print(f"{verdict}  {name}: {value:.3g}, at most {most:g}")
        for name, value, most in self.aims:
            console.print(f"[dim]{'there' if value <= most else 'aim'}  {name}: {value:.3g}, next {most:g}[/]")

    def as_dict(self) -> dict[str, object]:
        return {
            "title": self.title,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "rows": [{"name": name, "value": value, **more} for name, value, more in self.rows],
            "aims": [{"name": name, "value": value, "at most": most} for name, value, most in self.aims],
            "bars": [{"name": name, "value": value, "at most": most} for name, value, most in self.bars],
        }


def machine() -> dict[str, object]:
    """What a reader of the figures has to know about where they were taken."""
    return {
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
