"""What a new connection costs: a pool that dials for every request, against bare connections.

    python benches/connect.py [--json FILE]

A GET with an answer of 70 bytes over loopback, on uvloop, each on a connection of its own that is closed afterwards.
The upstream is a process of its own.

    bare      `loop.create_connection`, one exchange of a bare asyncio.Protocol, `close`
    pool      a host's pool with maxRequestsPerConnection 1
    aiohttp   `TCPConnector(force_close=True)`
    a burst   32 requests at once to a host without a connection: each dials one, none is given up

One at a time: the median of a request's time, and CPU of this process for each. The burst: microseconds until all are
answered, for each of its requests.
"""

import asyncio
import multiprocessing
import sys
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter, process_time

import aiohttp
import uvloop
from figures import QUICK, Figures, Measured, turns
from h1 import Bare, Direct, serve

TIMES, BURST = (100 if QUICK else 400), 32

Get = Callable[[], Awaitable[object]]


async def alone(get: Get) -> tuple[float, float]:
    """Microseconds of one request, and of its CPU."""
    taken, used = [], process_time()
    for _ in range(TIMES):
        began = perf_counter()
        await get()
        taken.append(perf_counter() - began)
    return median(taken) * 1e6, (process_time() - used) / TIMES * 1e6


async def burst(port: int) -> float:
    """Microseconds for each request of a burst to a host that has no connection yet."""
    mesh = Direct(port)
    began = perf_counter()
    await asyncio.gather(*(mesh.get() for _ in range(BURST)))
    took = perf_counter() - began
    assert mesh.pools.counters.dialled == BURST
    await mesh.pools.aclose()
    return took / BURST * 1e6


async def measure(port: int) -> tuple[dict[str, list[Measured]], Measured]:
    loop = asyncio.get_running_loop()
    mesh = Direct(port, max_requests_per_connection=1)
    url = f"http://127.0.0.1:{port}/reviews/1"

    async def bare() -> None:
        transport, line = await loop.create_connection(Bare, "127.0.0.1", port)
        await line.get()
        transport.close()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:

        async def foreign() -> None:
            async with session.get(url) as response:
                await response.read()

        ways: dict[str, Get] = {"bare": bare, "pool": mesh.get, "aiohttp": foreign}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        bursts = []
        for _ in turns():
            for name, get in ways.items():
                taken[name].append(await alone(get))
            bursts.append(await burst(port))
    assert mesh.pools.counters.dialled == TIMES * len(bursts)
    await mesh.pools.aclose()
    figures = {name: [Measured.of(each) for each in zip(*rounds[1:], strict=True)] for name, rounds in taken.items()}
    return figures, Measured.of(bursts[1:])


def main() -> int:
    ours, theirs = multiprocessing.Pipe()
    upstream = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    upstream.start()
    try:
        taken, together = uvloop.run(measure(ours.recv()))
    finally:
        upstream.kill()
    figures = Figures("a GET on a connection of its own, us")
    for name, (each, used) in taken.items():
        figures.add(name, each, {"CPU": used, "times bare": each / taken["bare"][0]})
    figures.add(f"a burst of {BURST}", together)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
