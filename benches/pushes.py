"""What an update costs the requests that are under way: latencies with one push a second, and without.

    python benches/pushes.py [--json FILE]

32 callers at a time ask one service of a mesh of 100 for 70 bytes, over loopback and on uvloop. The mesh comes by xDS
from `meshio controlplane` in a process of its own, whose YAML is edited once a second in every other spell: an
endpoint of the service that is asked joins or leaves, and a route changes. In life it runs on another machine: here it
gets what CPU nobody else wants, since each edit costs it 120 ms. Spells take turns; the ratio is that of two
neighbours, its median is held against the bar.
"""

import asyncio
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

from end_to_end.child import Trouble, child, module
from end_to_end.load import percentile
from end_to_end.mesh import SERVICE
from figures import Figures, Measured

import meshio

CALLERS, SERVICES = 32, 100
LAST = 19  # the niceness of who comes last
ROUNDS, SECONDS = (2, 1.5) if os.environ.get("QUICK") else (7, 3.0)
URL = "http://reviews.default:9080/reviews/70"
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [reviews.default.svc.cluster.local]
  http:
  - match: [{{headers: {{x-edition: {{exact: "{edition}"}}}}}}]
    route: [{{destination: {{host: reviews.default.svc.cluster.local}}}}]
  - route: [{{destination: {{host: reviews.default.svc.cluster.local}}}}]
"""


class Editor:
    """Who edits the mesh: every edition has one endpoint more or one less, and another route."""

    def __init__(self, folder: Path, port: int) -> None:
        self._asked, self._port, self._edition = folder / "reviews.yaml", port, 0
        others = (self._service(f"service-{number}", 2) for number in range(SERVICES - 1))
        (folder / "others.yaml").write_text("".join(others))
        self.edit()

    def _service(self, name: str, count: int) -> str:
        endpoint = f"{{address: 127.0.0.1, ports: {{http: {self._port}}}, labels: {{number: n%d}}}}"
        return SERVICE.format(name=name, number=9080, endpoints=", ".join(endpoint % number for number in range(count)))

    def edit(self) -> None:
        self._edition += 1
        text = self._service("reviews", 2 + self._edition % 2) + ROUTE.format(edition=self._edition)
        fresh = self._asked.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self._asked)


async def spell(mesh: "meshio.Mesh", editor: Editor | None) -> list[float]:
    """Microseconds of every request of one spell; edited once a second where there is an editor."""
    taken: list[float] = []
    before, end = mesh.snapshot, perf_counter() + SECONDS

    async def call() -> None:
        while (began := perf_counter()) < end:
            reply = await mesh.get(URL)
            taken.append((perf_counter() - began) * 1e6)
            assert reply.status == 200, reply

    async def edit() -> None:
        while editor is not None and perf_counter() < end - 0.5:
            await asyncio.to_thread(editor.edit)
            await asyncio.sleep(1)

    await asyncio.gather(edit(), *(call() for _ in range(CALLERS)))
    assert (mesh.snapshot is before) == (editor is None), "no push has arrived, or one too many"
    return sorted(taken)


async def measure(editor: Editor) -> tuple[list[list[float]], list[list[float]]]:
    """Latencies of quiet spells, and of those with pushes."""
    quiet, pushed = [], []
    async with meshio.Mesh.from_env() as mesh:
        await spell(mesh, editor)  # warms up
        for _ in range(ROUNDS):
            await asyncio.sleep(0.5)  # the last push has arrived
            quiet.append(await spell(mesh, None))
            pushed.append(await spell(mesh, editor))
        return quiet, pushed


def main() -> int:
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        upstream = stack.enter_context(child("upstream", module("upstream"), folder))
        told = folder / "mesh"
        told.mkdir()
        editor = Editor(told, int(upstream.hear()))
        command = [sys.executable, "-m", "meshio", "controlplane", str(told), "--listen", "127.0.0.1:0"]
        plane = stack.enter_context(child("control plane", command, folder))
        os.setpriority(os.PRIO_PROCESS, plane.pid, LAST)
        os.environ["MESHIO_DISCOVERY_ADDRESS"] = f"127.0.0.1:{plane.hear().rpartition(':')[2]}"
        quiet, pushed = uvloop.run(measure(editor))
    figures = Figures(f"{CALLERS} at a time, us")
    for name, spells in (("quiet", quiet), ("one push a second", pushed)):
        shares = {f"p{share * 100:g}": share for share in (0.5, 0.99, 0.999)}
        row = {what: statistics.median(percentile(each, share) for each in spells) for what, share in shares.items()}
        figures.add(name, row.pop("p50"), {**row, "requests/s": statistics.median(map(len, spells)) / SECONDS})
    ratios = [percentile(one, 0.99) / percentile(other, 0.99) for one, other in zip(pushed, quiet, strict=True)]
    figures.bar("p99 under one push a second, against quiet spells", Measured.of(ratios), 1.3)
    return figures.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"the bench cannot go on: {trouble}")
