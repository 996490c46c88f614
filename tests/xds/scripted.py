"""A source in use against a scripted control plane that holds what a real istiod sent."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from meshio.testing import ControlPlane
from meshio.xds.source import XdsSource
from tests.xds.recordings import recorded

REVIEWS = "outbound|9080||reviews.default.svc.cluster.local"
RATINGS = REVIEWS.replace("reviews", "ratings")
both = pytest.mark.parametrize("incremental", [True, False], ids=["delta", "whole"])


def world_of(how):
    """Type URL -> name -> resource, as a real istiod sent them."""
    world = {}
    for reply in recorded(how).values():
        world.setdefault(reply.type_url, {}).update({each.name: each.raw for each in reply.resources})
    return world


WORLD = world_of("sidecar")


def named(name):
    """A resource that is nothing but its name."""
    return b"\x0a" + bytes([len(name)]) + name.encode()


class Session:
    """A source in use, with the control plane it talks to."""

    def __init__(self, plane, source, snapshots):
        self.plane, self.source, self._snapshots = plane, source, snapshots
        self._serving = []
        self._next = asyncio.ensure_future(anext(snapshots))

    async def serve(self, world=WORLD):
        """Accept the next stream and answer it out of a world."""
        stream = await self.plane.accept()
        self._serving.append(asyncio.ensure_future(stream.serve_world(world)))
        return stream

    async def snapshot(self):
        """The next one."""
        snapshot = await self._next
        self._next = asyncio.ensure_future(anext(self._snapshots))
        return snapshot

    async def close(self):
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        await self._snapshots.aclose()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


@asynccontextmanager
async def session(incremental=True, knows_delta=True):
    async with ControlPlane(incremental=knows_delta) as plane:
        source = XdsSource(plane.bootstrap(), incremental=incremental)
        one = Session(plane, source, source.snapshots())
        try:
            yield one
        finally:
            await one.close()
