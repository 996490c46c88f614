"""One client, in a process of its own, so that its CPU and memory are those of its way alone.

    python -m end_to_end.client WAY PORT FOLDER

Says "ready", then answers each order (a line of JSON) with what it took (a line of JSON); ends when its input does.
"""

import asyncio
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop

from end_to_end.cases import Case
from end_to_end.load import closed, paced
from end_to_end.probe import cpu_seconds, memory
from end_to_end.ways import Make, Target, Way

WAYS = {
    "floor": "ways:floor",
    "meshio": "ways:native",
    "meshio + httpx": "over_httpx:meshed",
    "meshio + aiohttp": "over_aiohttp:meshed",
    "httpx": "over_httpx:direct",
    "aiohttp": "over_aiohttp:direct",
}
WARM = 0.03  # seconds before each measured spell: connections that were given up are made again


def way(name: str) -> Way:
    """Imports only what this way needs: memory is part of the result."""
    room, function = WAYS[name].split(":")
    found: Way = getattr(import_module(f"end_to_end.{room}"), function)
    return found


async def main(name: str, target: Target) -> None:
    loop = asyncio.get_running_loop()
    async with way(name)(target) as make:
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await spell(make, json.loads(line))), flush=True)


async def spell(make: Make, order: dict[str, Any]) -> dict[str, Any]:
    """One case for some seconds. CPU in seconds and memory in bytes, by the names that the order gives processes."""
    calls = await make(Case(**order["case"]))
    processes: dict[str, int] = {"client": os.getpid(), **order["processes"]}
    await closed(calls, WARM)
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    began = perf_counter()
    if order["rate"]:
        latencies = await paced(calls, order["rate"], order["seconds"])
    else:
        latencies = await closed(calls, order["seconds"])
    took = perf_counter() - began
    return {
        "cpu": {name: cpu_seconds(pid) - before[name] for name, pid in processes.items()},
        "memory": {name: memory(pid) for name, pid in processes.items()},
        "seconds": took,
        "latencies": latencies,
    }


if __name__ == "__main__":
    name, port, folder = sys.argv[1:]
    uvloop.run(main(name, Target(int(port), Path(folder))))
