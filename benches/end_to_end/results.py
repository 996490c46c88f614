"""What a run found: spells, and figures over their rounds."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from end_to_end.cases import Case, Plan


@dataclass(frozen=True)
class Spell:
    """One way, one case, one round. Microseconds; CPU by process for each request; memory in bytes."""

    p50: float
    p99: float
    p999: float
    throughput: float
    cpu: dict[str, float]
    memory: dict[str, int]

    @property
    def path_cpu(self) -> float:
        """Of all processes but the upstream, whose work is the same whatever the way."""
        return sum(used for name, used in self.cpu.items() if name != "upstream")


@dataclass
class Results:
    """Every counted spell, in order of rounds, and how many connections each way has opened."""

    plan: Plan
    spells: dict[tuple[str, Case], list[Spell]]
    opened: dict[str, int]

    @property
    def ways(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.spells))

    def over(self, way: str, case: Case, what: Callable[[Spell], float]) -> "Spread":
        return Spread.of([what(spell) for spell in self.spells[way, case]])


@dataclass(frozen=True)
class Spread:
    """A figure of several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))
