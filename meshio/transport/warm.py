"""Connections that are there before the first request asks for them."""

import asyncio
from collections.abc import Iterable

from meshio.message import Request
from meshio.transport.pool import Pools
from meshio.upstream.host import UNFIT, Host
from meshio.upstream.upstream import Upstream

AT_ONCE = 64  # hosts that are dialled at the same time


async def warm(pools: Pools, upstreams: Iterable[Upstream], request: Request, connections: int) -> int:
    """Have so many connections to each host that may be picked; how many there are then, of all.

    A host that cannot be connected to has none, and is no error here. Raises ConnectFailed for a cluster that
    needs what we do not speak, Closed.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(upstream: Upstream, host: Host, count: int) -> int:
        async with turns:
            return await pools.pool(upstream, host, request).warm(count)

    hosts = [(each, host) for each in upstreams for host in each.hosts.values() if host.condition is not UNFIT]
    made = 0
    for count in range(1, connections + 1):  # in rounds, so that the hosts share what a cluster's limit allows
        made = sum(await asyncio.gather(*(one(upstream, host, count) for upstream, host in hosts)))
    return made
