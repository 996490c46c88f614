"""A gateway: the example of this repository against Envoy, forwarding whole requests.

    python benches/gateway.py [--json FILE]

Both hold the same mesh of 301 services and send to the same upstream; the client is a bare asyncio.Protocol, so that
what is measured is the gateway. `examples/gateway` runs under uvicorn with one worker (uvloop, httptools), Envoy with
one thread and the configuration of a sidecar's outbound listener. CPU is the gateway's own, for each request. There
is no bar: an ASGI server in front of the mesh's client costs what it costs, and this says how much.
"""

import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

from end_to_end.cases import DOWN, MANY, MEDIUM, ONE, POST, SMALL, UP, Case, case
from end_to_end.child import Child, Trouble, child, free_port, module
from end_to_end.load import closed, percentile
from end_to_end.measure import NO_ENVOY, find_envoy
from end_to_end.mesh import mesh_yaml
from end_to_end.probe import cpu_seconds, memory
from end_to_end.sidecar import envoy, outbound
from end_to_end.ways import Make, Target, floor
from figures import QUICK, ROUNDS, Figures

CASES = (
    *(case(kind, count) for kind in (SMALL, MEDIUM, POST) for count in (ONE, MANY)),
    case(DOWN, ONE),
    case(UP, ONE),
)
SECONDS, TURNS = (0.15, 1) if QUICK else (0.5, ROUNDS)
GATEWAY = Path(__file__).parents[1] / "examples" / "gateway"


@dataclass(frozen=True)
class Way:
    """One way to the upstream, and the process that forwards on it; the direct one has none."""

    port: int
    process: Child | None = None


@dataclass(frozen=True)
class Spell:
    """Microseconds; CPU of the gateway for each request."""

    p50: float
    p99: float
    cpu: float


@contextmanager
def ways(folder: Path, program: str) -> Iterator[dict[str, Way]]:
    """Everything that a run needs, started; ended when the block is left."""
    with ExitStack() as stack:
        upstream = int(stack.enter_context(child("upstream", module("upstream"), folder)).hear())
        mesh = folder / "mesh"
        mesh.mkdir()
        (mesh / "mesh.yaml").write_text(mesh_yaml(upstream))
        os.environ["MESHIO_CONFIG"] = str(mesh)
        ours, theirs = free_port(), free_port()
        gateway = stack.enter_context(child("gateway", [sys.executable, str(GATEWAY), str(ours)], folder))
        until_listening(gateway, ours)
        proxy, _ = stack.enter_context(envoy("Envoy", program, folder, outbound(theirs, upstream), 1))
        yield {"direct": Way(upstream), "Envoy": Way(theirs, proxy), "gateway": Way(ours, gateway)}


def until_listening(process: Child, port: int) -> None:
    """uvicorn listens once the mesh has its configuration. Raises Trouble when it ends before."""
    while process.process.poll() is None:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise process.ended()


async def spell(make: Make, each: Case, process: Child | None) -> Spell:
    calls = await make(each)
    await closed(calls, SECONDS / 10)
    before = cpu_seconds(process.pid) if process else 0.0
    latencies = sorted(await closed(calls, SECONDS))
    used = cpu_seconds(process.pid) - before if process else 0.0
    p50, p99 = (percentile(latencies, share) * 1e6 for share in (0.5, 0.99))
    return Spell(p50, p99, used / len(latencies) * 1e6)


async def measure(found: dict[str, Way], folder: Path) -> dict[tuple[str, Case], Spell]:
    """The ways take turns in every round; medians. The first round warms up."""
    taken: dict[tuple[str, Case], list[Spell]] = {}
    for _ in range(TURNS + 1):
        for each in CASES:
            for name, way in found.items():
                async with floor(Target(way.port, folder)) as make:
                    taken.setdefault((name, each), []).append(await spell(make, each, way.process))
    return {key: median(spells[1:]) for key, spells in taken.items()}


def median(spells: list[Spell]) -> Spell:
    return Spell(*(statistics.median(getattr(each, name) for each in spells) for name in ("p50", "p99", "cpu")))


def main() -> int:
    program = find_envoy()
    if program is None:
        sys.exit(NO_ENVOY)
    with tempfile.TemporaryDirectory() as place, ways(Path(place), program) as found:
        taken = uvloop.run(measure(found, Path(place)))
        held = {name: memory(way.process.pid) / 1024**2 for name, way in found.items() if way.process}
    figures = Figures("through a gateway: p50, us")
    for (name, each), figure in sorted(taken.items(), key=lambda item: CASES.index(item[0][1])):
        figures.add(f"{each.title}: {name}", figure.p50, {"p99": figure.p99, "CPU": figure.cpu})
    for name, size in held.items():
        figures.add(f"{name}, memory at the end, MB", size)
    return figures.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"the bench cannot go on: {trouble}")
