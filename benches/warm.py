"""What a warm request costs in our own code: no socket, no kernel, no loop that turns.

    python benches/warm.py [--json FILE] [--profile]

The mesh is that of request.py, the connection a real one over a transport that takes everything; the answer is handed
to it as the loop would. So the figures hold on a busy machine, too, and a change of a tenth of a microsecond shows.
`--profile` prints where the time goes, by function.
"""

import asyncio
import cProfile
import pstats
import sys
import tempfile
from collections.abc import Callable, Coroutine
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop
from figures import Figures, Measured, median_of_rounds
from h1 import ANSWER
from request import HEADERS, HOST, YAML

import meshio
from meshio.client.native import build
from meshio.controlplane.embedded import EmbeddedSource
from meshio.resilience.outlier import ANSWERED
from meshio.transport.h1 import H1
from meshio.transport.head import encode_head
from meshio.transport.host_pool import HostPool

LOOPS, SPELLS = 64, 100  # ids are made 64 at a time
URL = f"http://{HOST}:9080/reviews/1"
TOLD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


class Taker(asyncio.Transport):
    """Takes what is written."""

    def write(self, data: object) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


def connect(mesh: meshio.Mesh) -> list[H1]:
    """An idle connection for every host."""
    made = []
    loop = asyncio.get_running_loop()
    for upstream in mesh.upstreams.values():
        for host in upstream.hosts.values():
            pool = host.pool = HostPool(mesh.pools, upstream, host, None)
            line = H1(loop, pool, host.name, upstream.cluster.http)
            line.connection_made(Taker())
            pool.connections.add(line)
            pool.idle.append(line)
            upstream.breaker.connections += 1
            made.append(line)
    return made


def exchange(begin: Callable[[], Coroutine[Any, Any, Any]], lines: list[H1], answer: bytes) -> None:
    """One request, from the call to its return."""
    call = begin()
    call.send(None)  # up to where it waits for the answer
    for line in lines:
        if line._request is not None:
            line.data_received(answer)
            break
    try:
        call.send(None)
    except StopIteration:
        return
    raise AssertionError("it should be over")


def parts(mesh: meshio.Mesh) -> dict[str, Callable[[], object]]:
    """Of the first case; what is not among them is coroutines, retry, attempt and the objects that come back."""
    asked = build("GET", URL, headers=HEADERS)
    headers, upstream = asked.headers, next(each for each in mesh.upstreams.values() if "v1" in each.name)
    host = upstream.pick(asked)

    def routed() -> None:
        asked.headers = headers
        mesh.route(asked)

    def passed() -> None:
        line = mesh.pools.idle(host, asked)
        assert isinstance(line, H1)
        answer = line.send(asked)
        line.data_received(ANSWER)
        answer.result()

    return {
        "of which the request: URL, headers": lambda: build("GET", URL, headers=HEADERS),
        "its route: path, request id, virtual host": routed,
        "pick, admit, settle": lambda: upstream.settle(upstream.admit(asked), 200, ANSWERED, 0.0, 0.0),
        "pool and connection": passed,
        "in that, the request head": lambda: encode_head(asked),
    }


def best(once: Callable[[], object]) -> Callable[[], float]:
    """Microseconds, of the quickest of many short spells: what disturbs only adds."""

    def spell() -> float:
        began = perf_counter()
        for _ in range(LOOPS):
            once()
        return (perf_counter() - began) / LOOPS * 1e6

    return lambda: min(spell() for _ in range(SPELLS))


async def measure(folder: str, profile: bool) -> dict[str, Measured]:
    async with meshio.Mesh([EmbeddedSource(folder)]) as mesh:
        lines = connect(mesh)
        other = cycle(ANSWER.replace(b"text/plain", b"text/plain; n=%d" % number) for number in range(500))
        urls = cycle(f"{URL}?number={number}" for number in range(20_000))
        cases: dict[str, Callable[[], object]] = {
            "GET, 4 headers": lambda: exchange(lambda: mesh.get(URL, headers=HEADERS), lines, ANSWER),
            "the answer's head never twice the same": lambda: exchange(
                lambda: mesh.get(URL, headers=HEADERS), lines, next(other)
            ),
            "the URL neither": lambda: exchange(lambda: mesh.get(next(urls), headers=HEADERS), lines, next(other)),
            "with timeout=": lambda: exchange(lambda: mesh.get(URL, headers=HEADERS, timeout=9), lines, ANSWER),
            "GET, no header": lambda: exchange(lambda: mesh.get(URL), lines, ANSWER),
            "POST of JSON": lambda: exchange(lambda: mesh.post(URL, json={"a": 1}), lines, ANSWER),
        }
        if profile:
            profiler = cProfile.Profile()
            once = cases["GET, 4 headers"]
            profiler.enable()
            for _ in range(LOOPS * 100):
                once()
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
        return median_of_rounds({name: best(once) for name, once in (cases | parts(mesh)).items()})


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mesh.yaml").write_text(YAML.format(host=HOST, port=80))
        taken = uvloop.run(measure(folder, "--profile" in sys.argv))
    figures = Figures("a warm request, our own code alone, us")
    for name, value in taken.items():
        figures.add(name, value)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
