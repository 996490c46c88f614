"""What an HTTP exchange costs over loopback: bare protocol, our connection, and httpx over both ways.

    python benches/h1.py [--json FILE]

One request at a time on uvloop, a 70-byte body, the upstream in a process of its own. The ways take turns;
the medians over the rounds are compared.
"""

import asyncio
import multiprocessing
import sys
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter

import httpx
import uvloop
from figures import QUICK, Figures, Measured, turns

from meshio.balancing.round_robin import RoundRobin
from meshio.client.httpx import MeshTransport
from meshio.message import Request, Response
from meshio.transport.pool import Pools
from meshio.upstream.cluster import Cluster, HttpOptions, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

BODY = b"x" * 70
ANSWER = (
    b"HTTP/1.1 200 OK\r\nserver: bench\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
HEADERS = [(b"accept", b"*/*"), (b"accept-encoding", b"gzip"), (b"user-agent", b"bench"), (b"x-user", b"ann")]
WIRE = b"GET /reviews/1 HTTP/1.1\r\nhost: site\r\n" + b"".join(b"%b: %b\r\n" % each for each in HEADERS) + b"\r\n"
REQUESTS = 500 if QUICK else 2_000


class Answering(asyncio.Protocol):
    """Answers every request head alike."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


def serve(port: "multiprocessing.connection.Connection") -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


class Bare(asyncio.Protocol):
    """The floor: no parsing, no request, no pool."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.waiter.set_result(data)

    async def get(self) -> bytes:
        self.waiter: asyncio.Future[bytes] = self.loop.create_future()
        self.transport.write(WIRE)  # type: ignore[attr-defined]
        return await self.waiter


class Direct:
    """The least that a mesh can be: one host, no decision."""

    def __init__(self, port: int, **settings: int) -> None:
        assignment = LoadAssignment("site", (LocalityEndpoints((Endpoint(("127.0.0.1", port)),)),))
        self.upstream, self.pools = Upstream(), Pools()
        self.upstream.update(
            Cluster("site", Static(assignment), RoundRobin(), http=HttpOptions(**settings)), assignment
        )
        self.host: Host = next(iter(self.upstream.hosts.values()))

    async def send(self, request: Request) -> Response:
        pools, host = self.pools, self.host
        connection = pools.idle(host, request) or await pools.connect(self.upstream, host, request)
        return await connection.send(request)

    dispatch = send

    async def get(self) -> bytes:
        request = Request(b"GET", b"site", b"/reviews/1", list(HEADERS), host="site", port=80)
        return await (await self.send(request)).body.read()


async def timed(get: Callable[[], Awaitable[object]], times: int) -> float:
    """Median seconds of one call."""
    taken = []
    for _ in range(times):
        began = perf_counter()
        await get()
        taken.append(perf_counter() - began)
    return median(taken)


async def measure(port: int) -> dict[str, Measured]:
    mesh = Direct(port)
    transport, bare = await asyncio.get_running_loop().create_connection(Bare, "127.0.0.1", port)
    url = f"http://127.0.0.1:{port}/reviews/1"
    async with httpx.AsyncClient() as stock, httpx.AsyncClient(transport=MeshTransport(mesh)) as meshed:
        ways: dict[str, tuple[Callable[[], Awaitable[object]], int]] = {
            "bare": (bare.get, REQUESTS),
            "connection": (mesh.get, REQUESTS),
            "httpx over the mesh": (lambda: meshed.get("http://site/reviews/1"), REQUESTS // 4),
            "httpx": (lambda: stock.get(url), REQUESTS // 4),
        }
        results: dict[str, list[float]] = {name: [] for name in ways}
        for _ in turns():
            for name, (get, times) in ways.items():
                results[name].append(await timed(get, times))
    transport.close()
    await mesh.pools.aclose()
    return {name: Measured.of(taken[1:]) for name, taken in results.items()}


def main() -> int:
    ours, theirs = multiprocessing.Pipe()
    upstream = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    upstream.start()
    try:
        taken = uvloop.run(measure(ours.recv()))
    finally:
        upstream.kill()
    figures = Figures("a warm GET over loopback, microseconds")
    for name, seconds in taken.items():
        figures.add(name, seconds * 1e6)
    figures.bar("our connection through the pool, against a bare protocol", taken["connection"] / taken["bare"], 1.5)
    figures.bar("httpx over the mesh, against httpx", taken["httpx over the mesh"] / taken["httpx"], 0.4)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
