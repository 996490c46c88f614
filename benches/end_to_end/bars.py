"""What the project promises of whole requests, as ratios of two ways within one run."""

from collections.abc import Callable
from dataclasses import dataclass

from end_to_end.cases import DOWN, MANY, ONE, SMALL, Case, case
from end_to_end.measure import SIDECARS
from end_to_end.results import Results, Spell, Spread

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Bar:
    """`way` takes at most `most` times what `against` takes."""

    way: str
    against: str
    case: Case
    what: str
    of: Callable[[Spell], float]
    most: float

    @property
    def text(self) -> str:
        return f"{self.way} against {self.against}: {self.what}, {self.case.title}"


@dataclass(frozen=True)
class Verdict:
    """A bar and what was measured; None where one of its ways was left out."""

    bar: Bar
    ratio: Spread | None

    @property
    def word(self) -> str:
        """Missed by more than noise is when no round has met it."""
        if self.ratio is None:
            return NOT_MEASURED
        if self.ratio.median <= self.bar.most:
            return "met"
        return "missed" if self.ratio.low > self.bar.most else "missed, within noise"


def p50(spell: Spell) -> float:
    return spell.p50


def client_cpu(spell: Spell) -> float:
    return spell.cpu["client"]


def path_cpu(spell: Spell) -> float:
    return spell.path_cpu


ALONE, CROWDED = case(SMALL, ONE), case(SMALL, MANY)
P50, CPU, ALL_CPU = "p50", "CPU", "path CPU"
BARS = (
    Bar("meshio", "floor", ALONE, P50, p50, 1.8),
    Bar("meshio", "floor", CROWDED, CPU, client_cpu, 2.5),
    Bar("meshio", "aiohttp", ALONE, P50, p50, 0.5),
    Bar("meshio", "aiohttp", CROWDED, CPU, client_cpu, 0.45),
    Bar("meshio + httpx", "httpx", ALONE, P50, p50, 0.3),
    Bar("meshio + httpx", "httpx", CROWDED, CPU, client_cpu, 0.2),
    Bar("meshio + aiohttp", "aiohttp", ALONE, P50, p50, 1.15),
    Bar("meshio", f"aiohttp{SIDECARS}", ALONE, P50, p50, 0.25),
    Bar("meshio", f"aiohttp{SIDECARS}", CROWDED, ALL_CPU, path_cpu, 0.25),
    Bar("meshio + httpx", f"httpx{SIDECARS}", ALONE, P50, p50, 0.25),
    Bar("meshio", "floor", case(DOWN, ONE), P50, p50, 1.3),
)


def judge(results: Results) -> list[Verdict]:
    """Every bar whose case is in the plan."""
    return [Verdict(bar, ratio(bar, results)) for bar in BARS if bar.case in results.plan.cases]


def ratio(bar: Bar, results: Results) -> Spread | None:
    """Round by round, so that a slow spell of the machine hits both sides."""
    ours, theirs = (results.spells.get((way, bar.case)) for way in (bar.way, bar.against))
    if ours is None or theirs is None:
        return None
    return Spread.of([bar.of(one) / bar.of(other) for one, other in zip(ours, theirs, strict=True)])
