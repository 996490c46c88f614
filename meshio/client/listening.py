"""Hosts that are listened to: those of clusters that want load reports on streams of their own.

One task for each host, owned by the mesh. What happens on a stream is `hearing.py`.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshio.balancing.client_weights import client_weights_of
from meshio.transport.pool import Pools
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

if TYPE_CHECKING:
    from meshio.client.hearing import Stream


class Listener:
    """The streams of all hosts of a mesh."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._streams: dict[Host, Stream] = {}

    def follow(self, upstreams: Iterable[Upstream]) -> None:
        """Listen to the hosts that are to be listened to now, and to no others."""
        periods = [(upstream, period) for upstream in upstreams if (period := period_of(upstream)) is not None]
        wanted = {host: (upstream, period) for upstream, period in periods for host in upstream.hosts.values()}
        for host, stream in list(self._streams.items()):
            if wanted.get(host) != (stream.upstream, stream.period):
                self._streams.pop(host).task.cancel()
        new = wanted.keys() - self._streams.keys()
        if not new:
            return
        from meshio.client.hearing import Stream  # loads grpclib, which few need here

        for host in new:
            upstream, period = wanted[host]
            self._streams[host] = Stream(upstream, host, period, self._pools)

    async def aclose(self) -> None:
        """Listen to nobody any more."""
        tasks = [stream.task for stream in self._streams.values()]
        self._streams.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def period_of(upstream: Upstream) -> float | None:
    """Seconds between two reports of each host; None where they come with responses, or nobody wants any."""
    wanted = client_weights_of(upstream.cluster.policy)
    return wanted.apart if wanted is not None else None
