"""What a request through the mesh costs its process, against what others cost who go direct.

    python benches/request.py [--json FILE]

A GET with an answer of 70 bytes over loopback, keep-alive, on uvloop; the upstream is a process of its own. The mesh
is a whole one: Istio YAML with a ServiceEntry, subsets, a weighted VirtualService and Istio's own retry policy.

    floor            a bare asyncio.Protocol that writes the same bytes and waits for some: no parsing, no pool
    native           `await mesh.get(url)`
    MeshConnector    `aiohttp.ClientSession(connector=meshio.MeshConnector(mesh))`
    MeshTransport    `httpx.AsyncClient(transport=meshio.MeshTransport(mesh))`
    httpx, aiohttp   as they come, going direct

One at a time: the median of a request's time. 32 at a time: CPU of this process for each request. The ways take turns
every few milliseconds, since how soon a sleeping core wakes changes from one moment to the next; a ratio compares two
ways of one run.
"""

import asyncio
import multiprocessing
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import aiohttp
import httpx
import uvloop
from figures import QUICK, Figures, Measured, turns
from h1 import Bare, serve

import meshio
from meshio.controlplane.embedded import EmbeddedSource

ONE, TURNS, MANY = (600 if QUICK else 1_500), 20, 32  # requests of a fast way in one round; in so many turns; at a time
# ways, and how many times fewer requests they get
SLOWER = {"floor": 1, "native": 1, "aiohttp": 2, "MeshConnector": 2, "MeshTransport": 3, "httpx": 5}
HOST = "reviews.default.svc.cluster.local"
HEADERS = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "bench", "x-user": "ann"}
YAML = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [{host}]
  ports: [{{number: 9080, name: http, protocol: HTTP}}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints:
  - {{address: 127.0.0.1, ports: {{http: {port}}}, labels: {{version: v1}}}}
  - {{address: 127.0.0.1, ports: {{http: {port}}}, labels: {{version: v2}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: default}}
spec:
  host: {host}
  trafficPolicy: {{loadBalancer: {{simple: LEAST_REQUEST}}}}
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v2}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [{host}]
  http:
  - route:
    - {{destination: {{host: {host}, subset: v1}}, weight: 80}}
    - {{destination: {{host: {host}, subset: v2}}, weight: 20}}
"""

BARS = (
    ("native", "floor", 1, 1.8),
    ("native", "floor", MANY, 2.5),
    ("native", "aiohttp", 1, 0.5),
    ("native", "aiohttp", MANY, 0.45),
    ("MeshConnector", "aiohttp", 1, 1.15),
    ("MeshTransport", "httpx", 1, 0.3),
    ("MeshTransport", "httpx", MANY, 0.2),
)

Get = Callable[[], Awaitable[object]]


@asynccontextmanager
async def ways(port: int, folder: str) -> AsyncIterator[dict[str, Callable[[], Get]]]:
    """Each way, as what makes one client's `get`: the floor has a connection for each."""
    direct, named = f"http://127.0.0.1:{port}/reviews/1", f"http://{HOST}:9080/reviews/1"
    async with (
        meshio.Mesh([EmbeddedSource(folder)]) as mesh,
        httpx.AsyncClient(transport=meshio.MeshTransport(mesh), headers=HEADERS) as meshed,
        httpx.AsyncClient(headers=HEADERS) as stock,
        aiohttp.ClientSession(headers=HEADERS) as session,
        aiohttp.ClientSession(connector=meshio.MeshConnector(mesh), headers=HEADERS) as connected,
    ):
        loop = asyncio.get_running_loop()
        turn = cycle([(await loop.create_connection(Bare, "127.0.0.1", port))[1] for _ in range(MANY)])

        async def native() -> None:
            reply = await mesh.get(named, headers=HEADERS)
            assert reply.status == 200

        async def foreign() -> None:
            async with session.get(direct) as response:
                await response.read()

        async def guided() -> None:
            async with connected.get(named) as response:
                await response.read()

        yield {
            "floor": lambda: next(turn).get,
            "native": lambda: native,
            "aiohttp": lambda: foreign,
            "MeshConnector": lambda: guided,
            "MeshTransport": lambda: lambda: meshed.get(named),
            "httpx": lambda: lambda: stock.get(direct),
        }


async def alone(gets: dict[str, Get]) -> dict[str, float]:
    """Microseconds of one request, the median of each way."""
    taken: dict[str, list[float]] = {name: [] for name in gets}
    for _ in range(TURNS):
        for name, get in gets.items():
            for _ in range(ONE // TURNS // SLOWER[name]):
                began = perf_counter()
                await get()
                taken[name].append(perf_counter() - began)
    return {name: median(each) * 1e6 for name, each in taken.items()}


async def together(clients: list[Get], times: int) -> float:
    """Microseconds of CPU for one request, with all clients at it."""

    async def work(get: Get) -> None:
        for _ in range(times):
            await get()

    began = process_time()
    await asyncio.gather(*(work(get) for get in clients))
    return (process_time() - began) / (times * len(clients)) * 1e6


async def measure(port: int, folder: str) -> dict[tuple[str, int], Measured]:
    async with ways(port, folder) as makers:
        taken: dict[tuple[str, int], list[float]] = {(name, count): [] for name in makers for count in (1, MANY)}
        for _ in turns():
            for name, figure in (await alone({name: make() for name, make in makers.items()})).items():
                taken[name, 1].append(figure)
            for name, make in makers.items():
                figure = await together([make() for _ in range(MANY)], ONE // 10 // SLOWER[name])
                taken[name, MANY].append(figure)
        return {key: Measured.of(figures[1:]) for key, figures in taken.items()}  # the first round warms up


def main() -> int:
    ours, theirs = multiprocessing.Pipe()
    upstream = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    upstream.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            port = ours.recv()
            Path(folder, "mesh.yaml").write_text(YAML.format(host=HOST, port=port))
            taken = uvloop.run(measure(port, folder))
    finally:
        upstream.kill()
    figures = Figures("a GET through the mesh, us")
    for name in SLOWER:
        alone, each = taken[name, 1], taken[name, MANY]
        ratios = {"times floor": alone / taken["floor", 1], "CPU times floor": each / taken["floor", MANY]}
        figures.add(name, alone, {"CPU at 32": each, **ratios})
    for one, other, count, most in BARS:
        what = "one at a time" if count == 1 else f"CPU at {count}"
        figures.bar(f"{one} against {other}, {what}", taken[one, count] / taken[other, count], most)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
