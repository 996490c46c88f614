"""Load on a client, closed or open, and what its latencies say.

Closed: each of N callers asks again as soon as it was answered. What a slow answer kept from being asked does not
show. Open: requests are due at a fixed rate, and a latency runs from when it was due, whether or not a caller was
free then (as in wrk2): no co-ordinated omission.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

Call = Callable[[], Awaitable[object]]
COARSE = 0.003  # seconds: a timer of the loop is no more exact than this


async def closed(calls: Sequence[Call], seconds: float) -> list[float]:
    """Latencies in seconds of what was asked in that time; every caller asks at least once."""
    latencies: list[float] = []
    deadline = perf_counter() + seconds

    async def caller(call: Call) -> None:
        began = perf_counter()
        while True:
            await call()
            ended = perf_counter()
            latencies.append(ended - began)
            if ended >= deadline:
                return
            began = ended

    await asyncio.gather(*(caller(call) for call in calls))
    return latencies


async def paced(calls: Sequence[Call], rate: float, seconds: float) -> list[float]:
    """Latencies in seconds, each from when its request was due; at most as many at a time as there are calls."""
    latencies: list[float] = []
    due: deque[float] = deque()
    wanted = asyncio.Semaphore(0)

    async def caller(call: Call) -> None:
        while True:
            await wanted.acquire()
            if not due:
                return
            began = due.popleft()
            await call()
            latencies.append(perf_counter() - began)

    async def scheduler() -> None:
        start = perf_counter()
        for offset in schedule(rate, seconds):
            await until(start + offset)
            due.append(start + offset)
            wanted.release()
        for _ in calls:
            wanted.release()

    await asyncio.gather(scheduler(), *(caller(call) for call in calls))
    return latencies


def schedule(rate: float, seconds: float) -> list[float]:
    """When each request is due, in seconds from the start."""
    return [number / rate for number in range(max(1, round(rate * seconds)))]


async def until(moment: float) -> None:
    """Wait for a moment of `perf_counter`. The end is spent turning the loop, as timers are too coarse."""
    if (left := moment - perf_counter()) > COARSE:
        await asyncio.sleep(left - COARSE)
    while perf_counter() < moment:  # noqa: ASYNC110  no event happens at that moment
        await asyncio.sleep(0)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed: the nearest rank. Values must be in order."""
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]
