"""Cases out of the blue: hypothesis makes them up, Envoy and meshio answer, and what they disagree on is shrunk."""

import asyncio
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from harness.case import Case, Json
from harness.compare import differences
from harness.envoy import Envoy, running
from harness.fleets import CROWDED, HASHING, RETRYING
from harness.process import replay
from harness.strategies import NORMALISING, ROUTING, Told

PLANS: dict[str, tuple[Told, int]] = {
    "routing": (ROUTING, 300),
    "normalising": (NORMALISING, 60),
    "hashing": (HASHING, 100),
    "retrying": (RETRYING, 100),
    "crowded": (CROWDED, 12),
}
"""Each area with how many configurations of it a run makes up."""


@dataclass
class Tally:
    """What became of an area's cases; `found` is the smallest disagreement, as YAML and in words."""

    area: str
    configs: int = 0
    requests: int = 0
    refused: int = 0
    found: list[str] = field(default_factory=list)


class Disagreement(AssertionError):
    """Envoy and meshio gave different answers."""


def explore(area: str, number: int, share: float = 1.0) -> Tally:
    """Make up cases of an area. The same number makes up the same cases."""
    strategy, count = PLANS[area]
    tally, smallest = Tally(area), dict[str, list[str]]()
    with asyncio.Runner() as loop, tempfile.TemporaryDirectory() as folder:
        envoys = running(Path(folder))
        envoy = loop.run(envoys.__aenter__())

        @seed(number)
        @settings(
            max_examples=max(1, int(count * share)),
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def agree(told: Json) -> None:
            if found := loop.run(ask_both(Case("generated", area, told), envoy, tally)):
                smallest["last"] = [written(area, told), *found]
                raise Disagreement(area)

        try:
            agree()
        except Disagreement:
            tally.found = smallest["last"]
        finally:
            loop.run(envoys.__aexit__(None, None, None))
    return tally


async def ask_both(case: Case, envoy: Envoy, tally: Tally) -> list[str]:
    theirs, ours = json.loads(json.dumps([await envoy.run(case), await replay(case)]))
    tally.configs += 1
    tally.refused += "refused" in theirs
    tally.requests += sum(ask.repeat for ask in case.asks) if "refused" not in theirs else 0
    return differences(case, theirs, ours)


def written(area: str, told: Json) -> str:
    """Ready to be pasted into cases/generated.yaml."""
    lines = yaml.dump([{"name": f"{area}: what it shows", **told}], sort_keys=False, width=110, default_flow_style=None)
    return str(lines)
