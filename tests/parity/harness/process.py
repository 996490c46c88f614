"""A case through meshio: a whole Mesh over the same bytes."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from random import seed

from harness.case import Ask, Case, Json
from harness.drive import drive
from harness.outcome import Answer, outcome, refused
from harness.shorthand import Place
from harness.upstream import serving
from harness.world import World, world_of
from meshio import BadRequest, Mesh, RequestError
from meshio.mesh.resolve import resolve
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.mesh.source import Source
from meshio.message import Request
from meshio.testing.control_plane import ControlPlane
from meshio.xds.discovery import Change, Reply, Resource
from meshio.xds.intake import Intake
from meshio.xds.source import XdsSource
from meshio.xds.types import WORDS


class Served:
    """A `Source` that has read a world, without a stream in between: what is good of it, and what was refused."""

    identity = Identity()

    def __init__(self) -> None:
        self._intake = Intake()
        self.refused: list[str] = []

    async def read(self, world: World) -> None:
        for type_url, resources in world.resources.items():
            told = tuple(Resource(name, type_url, raw) for name, raw in resources.items())
            faults = await self._intake.take(Reply(type_url, "1", "1", told), Change(told, full=True), time.time())
            if faults:
                self.refused.append(WORDS[type_url])

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        if (snapshot := resolve(self._intake.holdings.held()).snapshot) is not None:
            yield snapshot

    def missing(self) -> str:
        return resolve(self._intake.holdings.held()).missing


async def replay(case: Case) -> Json:
    """What meshio makes of a case, read from its bytes directly."""
    source = Served()
    await source.read(world_of(case))
    if source.refused:
        return refused(source.refused)
    return await through_mesh(case, source)


async def through_mesh(case: Case, source: Source) -> Json:
    """Over any source. Random choices are the same each time."""
    seed(case.digest)
    place = Place(case)

    async def send(ask: Ask) -> Answer:
        request = request_of(ask, place)
        own, given = request.headers, list(request.headers)
        try:
            response = await mesh.send(request)
        except BadRequest as error:
            return Answer(0, [], "", broken=True, note=f"BadRequest {error}")
        try:
            body, broken = await response.body.read(), False
        except RequestError:
            body, broken = b"", True
        assert own == given, "the caller's own list was changed"
        note = f"{','.join(request.record.flags) or '-'} {request.record.details}"
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
        return Answer(response.status, headers, body.decode("latin-1"), broken, note)

    async with serving(case) as seen, Mesh([source]) as mesh:
        return outcome(case, await drive(case, send, seen))


def request_of(ask: Ask, place: Place) -> Request:
    host, port = place.front
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in ask.headers]
    path, authority, body = (text.encode("latin-1") for text in (ask.path, ask.host, ask.body))
    return Request(
        ask.method.encode(), authority, path, headers, streamed(body) if ask.chunked else body, host=host, port=port
    )


async def streamed(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def live(case: Case) -> Json:
    """What meshio makes of a case when a control plane tells it, over a stream."""
    world = world_of(case)
    async with ControlPlane() as control:
        serving = asyncio.create_task(serve(control, world))
        source = XdsSource(control.bootstrap())
        try:
            told = await through_mesh(case, source)
            kinds = [each.kind for each in source.status.refusals]
            return refused(kinds) if kinds else told
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def serve(control: ControlPlane, world: World) -> None:
    await (await control.accept()).serve_world(world.resources)
