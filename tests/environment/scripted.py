"""A source that follows a script, and what it may say."""

import asyncio

import meshio
from meshio.balancing.round_robin import RoundRobin
from meshio.matching import PathPrefix
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.route import DirectResponse, Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints


def saying(text: bytes, host: str = "web") -> Snapshot:
    """A mesh in which one host answers by itself."""
    routes = (Route((PathPrefix(b"/"),), DirectResponse(200, text)),)
    return Snapshot(
        listeners={"80": Listener("80", "0.0.0.0", 80, (FilterChain(HttpChain("80")),))},
        routes={"80": RouteTable("80", (VirtualHost(host, (host,), routes),), ignore_port=True)},
        clusters={},
        assignments={},
    )


def forwarding(*ports: int) -> Snapshot:
    """A mesh in which everything goes to these ports of this machine."""
    found = LoadAssignment("a", (LocalityEndpoints(tuple(Endpoint(("127.0.0.1", port)) for port in ports)),))
    forward = Forward((WeightedCluster("a"),), timeout=None)
    return Snapshot(
        listeners={"80": Listener("80", "0.0.0.0", 80, (FilterChain(HttpChain("80")),))},
        routes={"80": RouteTable("80", (VirtualHost("v", ("*",), (Route((PathPrefix(b"/"),), forward),)),))},
        clusters={"a": Cluster("a", Static(found), RoundRobin())},
        assignments={},
    )


class Scripted:
    """A source that says what it is told to; `None` ends it, an exception breaks it."""

    def __init__(self, *first: Snapshot | Exception | None, name: str = "script") -> None:
        self.identity = Identity()
        self.name = name
        self.running = 0
        self.script: asyncio.Queue[Snapshot | Exception | None] = asyncio.Queue()
        for each in first:
            self.script.put_nowait(each)

    def __str__(self) -> str:
        return self.name

    def missing(self) -> str:
        return f"{self.name} has said nothing"

    async def snapshots(self):
        self.running += 1
        try:
            while (said := await self.script.get()) is not None:
                if isinstance(said, Exception):
                    raise said
                yield said
        finally:
            self.running -= 1


def run(scenario):
    """Run it, and see that no task is left."""

    async def main():
        before = asyncio.all_tasks()
        await asyncio.wait_for(scenario(), 20)
        assert asyncio.all_tasks() - before <= {asyncio.current_task()}

    asyncio.run(main(), debug=True)


async def seen(mesh: meshio.Mesh, text: str, url: str = "http://web/") -> None:
    """Until an update is in service."""
    async with asyncio.timeout(5):
        while (await mesh.get(url)).text != text:  # noqa: ASYNC110
            await asyncio.sleep(0)
