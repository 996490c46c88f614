"""What every bench prints and writes: a table for people, JSON with the machine's facts for programs."""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

K = TypeVar("K", bound=Hashable)
QUICK = bool(os.environ.get("QUICK"))  # `make bench QUICK=1`: coarser, in two minutes
ROUNDS = 3 if QUICK else 5
NOISE = 0.1  # share by which a figure of a single round may differ from one run to the next
WIDTH = 120  # columns of a table where the output is no terminal
COLOURS = {"met": "green", "missed": "red", "missed, within noise": "yellow"}


class Measured(float):
    """The median of several rounds, which are kept. Divided by another, it is the median of the rounds' ratios."""

    rounds: tuple[float, ...]

    @classmethod
    def of(cls, rounds: Iterable[float]) -> Self:
        kept = tuple(rounds)
        made = cls(statistics.median(kept))
        made.rounds = kept
        return made

    def __truediv__(self, other: float) -> "Measured":
        others = other.rounds if isinstance(other, Measured) else (other,) * len(self.rounds)
        return Measured.of(one / each for one, each in zip(self.rounds, others, strict=True))

    def __mul__(self, times: float) -> "Measured":
        return Measured.of(each * times for each in self.rounds)


def median_of_rounds(measures: Mapping[K, Callable[[], float]], rounds: int = ROUNDS) -> dict[K, Measured]:
    """Each measure once per round, in turn, so that a slow spell of the machine hits all; the median of each.

    One more round comes first and does not count.
    """
    taken: dict[K, list[float]] = {key: [] for key in measures}
    for _ in turns(rounds):
        for key, measure in measures.items():
            taken[key].append(measure())
    return {key: Measured.of(values[1:]) for key, values in taken.items()}


def turns(rounds: int = ROUNDS) -> Iterator[int]:
    """The number of each round, from 0 for the one that warms up; with a progress bar on a terminal."""
    console = Console(stderr=True)
    name = Path(sys.argv[0]).stem
    yield from track(range(rounds + 1), name, console=console, transient=True, disable=not console.is_terminal)


class Figures:
    """One bench's result. `bar` compares with what the project promises; `finish` is the exit code."""

    def __init__(self, title: str, value: str = "value") -> None:
        self.title, self.value = title, value
        self.rows: list[tuple[str, float, Mapping[str, float]]] = []
        self.bars: list[tuple[str, float, float]] = []

    def add(self, name: str, value: float, more: Mapping[str, float] | None = None) -> None:
        """A measured value, with others beside it."""
        self.rows.append((name, value, more or {}))

    def bar(self, name: str, value: float, most: float) -> None:
        """A promise: `value` is at most `most`."""
        self.bars.append((name, value, most))

    def finish(self) -> int:
        """Print the tables, write JSON where `--json FILE` asks for it; 1 when a bar is missed by more than noise."""
        options = argparse.ArgumentParser()
        options.add_argument("--json", type=Path, help="write the figures and the machine's facts to this file")
        options.add_argument("--compare", type=Path, metavar="OLD.JSON", help="print what changed beyond noise")
        given = options.parse_known_args()[0]
        console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
        self.show(console)
        if given.compare is not None:
            for line in changes(json.loads(given.compare.read_text()), self.as_dict()) or ["nothing changed"]:
                console.print(line, highlight=False)
        if given.json is not None:
            given.json.write_text(json.dumps(self.as_dict(), indent=1) + "\n")
        return 1 if any(verdict(value, most) == "missed" for _, value, most in self.bars) else 0

    def show(self, console: Console) -> None:
        columns = list(dict.fromkeys(name for _, _, more in self.rows for name in more))
        table = Table("measure", self.value, *columns, title=self.title, title_justify="left", box=SIMPLE_HEAD)
        for name, value, more in self.rows:
            table.add_row(name, f"{value:,.3g}", *(f"{more[c]:,.3g}" if c in more else "" for c in columns))
        console.print(table)
        if self.bars:
            console.print(self.promises())

    def promises(self) -> Table:
        table = Table("promise", "measured", "over the rounds", "at most", "bar", box=SIMPLE_HEAD)
        for name, value, most in self.bars:
            word = verdict(value, most)
            low, high = spread(value)
            between = f"{low:,.3g} to {high:,.3g}" if low != high else ""
            table.add_row(name, f"{value:,.3g}", between, f"{most:g}", f"[{COLOURS[word]}]{word}[/]")
        return table

    def as_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "rows": [{"name": name, "value": value, **span(value), **more} for name, value, more in self.rows],
            "bars": [
                {"name": name, "value": value, **span(value), "at most": most, "verdict": verdict(value, most)}
                for name, value, most in self.bars
            ],
        }


def verdict(value: float, most: float) -> str:
    """Missed by more than noise is when no round has met it."""
    if value <= most:
        return "met"
    return "missed" if spread(value)[0] > most else "missed, within noise"


def spread(value: float) -> tuple[float, float]:
    """Lowest and highest of the rounds."""
    return (min(value.rounds), max(value.rounds)) if isinstance(value, Measured) else (value, value)


def span(value: float) -> dict[str, float]:
    low, high = spread(value)
    return {"low": low, "high": high}


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A line for each figure that differs by more than the rounds of either do among themselves."""
    before = {row["name"]: row for row in (*old["rows"], *old["bars"])}
    lines = []
    for now in (*new["rows"], *new["bars"]):
        then = before.get(now["name"])
        if then is not None and apart(then, now):
            times = f", {now['value'] / then['value']:.2f} times" if then["value"] else ""
            lines.append(f"{now['name']}: {then['value']:,.4g} -> {now['value']:,.4g}{times}")
    return lines


def apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether their spreads do not meet; a figure without one is given a tenth."""
    (low, high), (least, most) = (room(each) for each in (one, other))
    return high < least or most < low


def room(row: dict[str, Any]) -> tuple[float, float]:
    value = row["value"]
    low, high = row.get("low", value), row.get("high", value)
    return (low, high) if low != high else (value * (1 - NOISE), value * (1 + NOISE))


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
