"""Verdicts counted, as the table of `make parity` and as what docs/parity.md says of the last run."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from harness.case import Case
from harness.generated import Tally
from harness.live import Verdict

LAST_RUN = Path(__file__).parents[1] / "last_run.json"
KINDS = ("agreed", "known", "unexplained")


def asked(case: Case) -> int:
    """How many requests a case sends: none where its resources are refused."""
    return 0 if case.rejected else sum(ask.repeat for ask in case.asks)


def row(verdicts: list[Verdict]) -> list[int]:
    counts = Counter(each.kind for each in verdicts)
    return [len(verdicts), sum(asked(each.case) for each in verdicts), *(counts[kind] for kind in KINDS)]


def made_up(tally: Tally) -> list[int]:
    agreed = tally.configs - tally.disagreements - tally.crashed
    return [tally.configs, tally.requests, agreed, tally.crashed, tally.disagreements]


def table(verdicts: list[Verdict], tallies: Iterable[Tally], title: str) -> Table:
    """One line a topic, and one for each area of made-up cases."""
    shown = Table("topic", *("cases", "requests", *KINDS), title=title)
    for topic in sorted({each.case.topic for each in verdicts}):
        shown.add_row(topic, *map(str, row([each for each in verdicts if each.case.topic == topic])))
    shown.add_section()
    shown.add_row("all", *map(str, row(verdicts)))
    shown.add_section()
    for tally in tallies:
        shown.add_row(f"made up: {tally.area}", *map(str, made_up(tally)))
    return shown


def keep_last_run(verdicts: list[Verdict], tallies: Iterable[Tally], envoy: str, number: int, seconds: float) -> None:
    """For the documentation."""
    names = ("cases", "requests", *KINDS)
    told = {
        "envoy": envoy,
        "seed": number,
        "seconds": round(seconds),
        "fixed": dict(zip(names, row(verdicts), strict=True)),
        "made up": {each.area: dict(zip(names, made_up(each), strict=True)) for each in tallies},
    }
    LAST_RUN.write_text(json.dumps(told, indent=1) + "\n")
