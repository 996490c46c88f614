"""What a mesh costs a process in memory: the whole of it, each endpoint, each idle connection.

    python benches/memory.py [--json FILE]

Every figure is the difference of two fresh processes on uvloop (resident memory from /proc, after a garbage
collection): one without what is measured, one with it. The mesh comes by xDS from `meshio controlplane` in a process
of its own, as it would from istiod; imports count. An endpoint is counted when its service has been asked, so that
its host and the pick exist. An idle connection is compared with that of a bare asyncio.Protocol.
"""

import asyncio
import gc
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

from end_to_end.child import Trouble, child, module
from end_to_end.mesh import SERVICE
from end_to_end.ways import Bare

SERVICES, FEW, MANY, CONNECTIONS = 100, 1_000, 11_000, 1_000
ROUNDS = 1 if os.environ.get("QUICK") else 3
ENDPOINT = "{{address: 127.{}.{}.{}, ports: {{http: {}}}}}"


def mesh_yaml(upstream: int, endpoints: int) -> str:
    """`SERVICES` services: most of ten endpoints each, `wide` of so many, `narrow` of one, which answers."""

    def service(name: str, first: int, count: int) -> str:
        numbers = range(first, first + count)
        return SERVICE.format(
            name=name,
            number=9080,
            endpoints=", ".join(ENDPOINT.format(n >> 16, n >> 8 & 255, n & 255, upstream) for n in numbers),
        )

    others = (service(f"service-{number}", 1000 + 10 * number, 10) for number in range(SERVICES - 2))
    return "".join(others) + service("wide", 1 << 16 | 1, endpoints) + service("narrow", 1, 1)


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def bare(upstream: int, connections: int) -> int:
    """A process with a loop and idle connections."""
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Bare, "127.0.0.1", upstream))[1] for _ in range(connections)]
    assert all(line.left < 0 for line in lines)
    return resident()


async def meshed(control_plane: int, connections: int) -> int:
    """A process with a mesh that has been asked, and idle connections to one endpoint."""
    os.environ["MESHIO_DISCOVERY_ADDRESS"] = f"127.0.0.1:{control_plane}"
    import meshio

    async with meshio.Mesh.from_env() as mesh:
        assert (await mesh.get("http://narrow.default:9080/70")).status == 200
        await mesh.get("http://wide.default:9080/70")  # nobody listens there, but now it has its hosts
        if connections:
            assert await mesh.warm("http://narrow.default:9080/", connections) == connections
        return resident()


KINDS: dict[str, Callable[[int, int], object]] = {"bare": bare, "meshed": meshed}


def ask(folder: Path, kind: str, port: int, connections: int) -> int:
    """The figure of a fresh process."""
    with child(f"{kind} {connections}", [sys.executable, __file__, kind, str(port), str(connections)], folder) as each:
        return int(each.hear())


def measure(folder: Path) -> dict[str, float]:
    """Bytes, by measure."""
    with ExitStack() as stack:
        upstream = int(stack.enter_context(child("upstream", module("upstream"), folder)).hear())
        planes = {}
        for endpoints in (10, FEW, MANY):
            told = folder / str(endpoints)
            told.mkdir()
            (told / "mesh.yaml").write_text(mesh_yaml(upstream, endpoints))
            command = [sys.executable, "-m", "meshio", "controlplane", str(told), "--listen", "127.0.0.1:0"]
            plane = stack.enter_context(child(f"control plane {endpoints}", command, folder))
            planes[endpoints] = int(plane.hear().rpartition(":")[2])

        def median(kind: str, port: int, connections: int = 0) -> float:
            return statistics.median(ask(folder, kind, port, connections) for _ in range(ROUNDS))

        nothing, whole = median("bare", upstream), median("meshed", planes[10])
        lines = median("bare", upstream, CONNECTIONS) - nothing
        return {
            "process without a mesh": nothing,
            "mesh": whole - nothing,
            "endpoint": (median("meshed", planes[MANY]) - median("meshed", planes[FEW])) / (MANY - FEW),
            "bare connection": lines / CONNECTIONS,
            "idle connection": (median("meshed", planes[10], CONNECTIONS) - whole) / CONNECTIONS,
        }


def main() -> int:
    from figures import Figures

    with tempfile.TemporaryDirectory() as folder:
        taken = measure(Path(folder))
    figures = Figures("memory, KB")
    for name, value in taken.items():
        figures.add(name, value / 1024)
    above = (taken["idle connection"] - taken["bare connection"]) / 1024
    figures.bar(f"a mesh of {SERVICES} services, imports included, MB", taken["mesh"] / 1024**2, 30)
    figures.bar("each further endpoint, KB", taken["endpoint"] / 1024, 1)
    figures.bar("each idle connection, above a bare protocol's, KB", above, 4)
    return figures.finish()


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[1] in KINDS:
        print(uvloop.run(KINDS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))), flush=True)
    else:
        try:
            sys.exit(main())
        except Trouble as trouble:
            sys.exit(f"the bench cannot go on: {trouble}")
