"""A mesh whose control plane is not there, says nothing, says half of it, or goes."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import meshio
from meshio.errors import NotReady
from meshio.testing import ControlPlane, unused_port
from meshio.xds.envelope import read_reply
from meshio.xds.source import XdsSource
from meshio.xds.types import ROUTES
from tests.environment.scripted import run

SIDECAR = Path(__file__).parents[1] / "golden" / "istiod" / "sidecar"


def test_a_control_plane_that_is_not_there_is_named_with_the_reason():
    async def scenario():
        port = unused_port()
        mesh = meshio.Mesh.from_env({"MESHIO_DISCOVERY_ADDRESS": f"127.0.0.1:{port}"}, ready_timeout=0.2)
        assert f"127.0.0.1:{port} (MESHIO_DISCOVERY_ADDRESS)" in repr(mesh)
        with pytest.raises(NotReady, match=rf"no connection to 127.0.0.1:{port} .*Connect call failed"):
            await mesh.__aenter__()

    run(scenario)


def test_a_control_plane_that_says_nothing_is_told_from_one_that_is_not_there():
    async def scenario():
        async with ControlPlane() as plane:
            mesh = meshio.Mesh([XdsSource(plane.bootstrap())], ready_timeout=0.3)
            with pytest.raises(NotReady, match="is connected, but the listeners were never answered; the clusters"):
                await mesh.__aenter__()

    run(scenario)


def istiods_world():
    """Type URL -> name -> resource, as a real istiod sent them."""
    replies = [read_reply(path.read_bytes()) for path in sorted(SIDECAR.iterdir())]
    world = {reply.type_url: {} for reply in replies}
    for reply in replies:
        world[reply.type_url].update({each.name: each.raw for each in reply.resources})
    return world


@asynccontextmanager
async def serving(plane, world):
    """Answer the next stream out of a world."""

    async def serve():
        await (await plane.accept()).serve_world(world)

    task = asyncio.create_task(serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_resource_that_was_never_answered_is_named():
    world = istiods_world()
    del world[ROUTES]["9080"]

    async def scenario():
        async with ControlPlane() as plane, serving(plane, world):
            mesh = meshio.Mesh([XdsSource(plane.bootstrap(), incremental=False)], ready_timeout=1)
            with pytest.raises(NotReady, match=r"never answered: 1 route table \(9080\)"):
                await mesh.__aenter__()

    run(scenario)


def test_no_request_notices_that_the_control_plane_has_gone():
    async def scenario():
        async with ControlPlane() as plane, serving(plane, istiods_world()):
            mesh = await meshio.Mesh([XdsSource(plane.bootstrap())]).__aenter__()
            before = mesh.snapshot
        try:
            reply = await mesh.get("http://httpbin.example.com/")
            assert mesh.snapshot is before, reply
            assert "running from 127.0.0.1" in repr(mesh)
        finally:
            await mesh.aclose()

    run(scenario)
