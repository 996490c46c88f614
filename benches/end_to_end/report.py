"""The result for people and for programs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from figures import machine
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from end_to_end.bars import Verdict
from end_to_end.cases import Case
from end_to_end.results import Results, Spell, Spread

COLOURS = {"met": "green", "missed": "red", "missed, within noise": "yellow", "not measured": "dim"}
PARTS = ("client", "client sidecar", "server sidecar", "upstream")
HEADS = (
    *("", "p50\nus", "p99\nus", "p99.9\nus", "\nreq/s"),
    *("CPU us:\nclient", "its\nsidecar", "server's\nsidecar", "\nupstream"),
    *("MB:\nprocesses", "connections\nopened", "\nbar"),
)
Figure = tuple[str, Any, str]

LATENCIES: tuple[Figure, ...] = (
    ("p50", lambda spell: spell.p50, "us"),
    ("p99", lambda spell: spell.p99, "us"),
    ("p99.9", lambda spell: spell.p999, "us"),
    ("throughput", lambda spell: spell.throughput, "requests/s"),
)


def show(results: Results, verdicts: list[Verdict], console: Console) -> None:
    for case in results.plan.cases:
        console.print(table(results, case, verdicts))
    for verdict in verdicts:
        console.print(line(verdict), highlight=False)


def table(results: Results, case: Case, verdicts: list[Verdict]) -> Table:
    """One row for each way. Microseconds, p50 with half its spread; CPU for each request; memory in MB."""
    paced = f"; {results.plan.rate:g} requests/s due, latency from when each was due" if results.plan.rate else ""
    shown = Table(title=f"{case.title}{paced}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in HEADS:
        shown.add_column(name, justify="left" if name in ("", "\nbar") else "right", no_wrap=name != "\nbar")
    for way in results.ways:
        shown.add_row(*cells(results, way, case, verdicts))
    return shown


def cells(results: Results, way: str, case: Case, verdicts: list[Verdict]) -> Iterator[str]:
    p50, *others = (results.over(way, case, of) for _, of, _ in LATENCIES)
    yield way
    yield f"{p50.median:,.0f} ±{(p50.high - p50.low) / 2:,.0f}"
    yield from (f"{figure.median:,.0f}" for figure in others)
    used, held = cpu(results, way, case), memory(results, way, case)
    yield from (f"{used[part].median:,.0f}" if part in used else "" for part in PARTS)
    yield " + ".join(f"{held[part] / 1e6:.0f}" for part in PARTS[:-1] if part in held)
    yield str(results.opened[way])
    yield "\n".join(cell(verdict) for verdict in verdicts if (verdict.bar.way, verdict.bar.case) == (way, case))


def cell(verdict: Verdict) -> str:
    """In few words; the lines below the tables have the spread, too."""
    bar, colour = verdict.bar, COLOURS[verdict.word]
    if verdict.ratio is None:
        return f"[{colour}]{verdict.word}: {bar.what}, {bar.against}[/]"
    word = verdict.word.replace(", within noise", "?")
    return f"[{colour}]{word}[/] {bar.what} {verdict.ratio.median:.2f} x {bar.against} (≤{bar.most:g})"


def line(verdict: Verdict) -> str:
    words = f"[{COLOURS[verdict.word]}]{verdict.word}[/]  {verdict.bar.text}: "
    if verdict.ratio is None:
        return words + f"at most {verdict.bar.most:g}"
    low, high = verdict.ratio.low, verdict.ratio.high
    return words + f"{verdict.ratio.median:.2f} ({low:.2f} to {high:.2f}), at most {verdict.bar.most:g}"


def cpu(results: Results, way: str, case: Case) -> dict[str, Spread]:
    """Microseconds for each request, by process. At a fixed rate the client turns its loop meanwhile: left out."""
    parts = [part for part in results.spells[way, case][0].cpu if results.plan.rate is None or part != "client"]
    return {part: results.over(way, case, lambda spell, part=part: spell.cpu[part]) for part in parts}  # type: ignore[misc]


def memory(results: Results, way: str, case: Case) -> dict[str, int]:
    """Bytes at the end, by process."""
    last: Spell = results.spells[way, case][-1]
    return last.memory


def as_dict(results: Results, verdicts: list[Verdict], threads: int) -> dict[str, Any]:
    plan = results.plan
    return {
        "title": "whole requests",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {"rounds": plan.rounds, "seconds": plan.seconds, "rate": plan.rate, "threads of an Envoy": threads},
        "rows": [row(results, way, case) for way, case in results.spells],
        "connections opened": results.opened,
        "bars": [
            {"name": verdict.bar.text, "at most": verdict.bar.most, "verdict": verdict.word, **spread(verdict.ratio)}
            for verdict in verdicts
        ],
    }


def row(results: Results, way: str, case: Case) -> dict[str, Any]:
    return {
        "way": way,
        "case": case.name,
        "concurrency": case.concurrency,
        **{f"{name}, {unit}": spread(results.over(way, case, of)) for name, of, unit in LATENCIES},
        "CPU, us": {part: spread(used) for part, used in cpu(results, way, case).items()},
        "memory, bytes": memory(results, way, case),
    }


def spread(figure: Spread | None) -> dict[str, float]:
    if figure is None:
        return {}
    return {"median": round(figure.median, 3), "low": round(figure.low, 3), "high": round(figure.high, 3)}
