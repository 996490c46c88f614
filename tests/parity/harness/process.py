"""A case through meshio: a whole Mesh over the same bytes."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from random import seed

from harness.case import Ask, Case, Json
from harness.drive import PATIENCE, Change, drive
from harness.outcome import Answer, outcome, refused
from harness.shorthand import LOCAL, Place
from harness.upstream import serving
from harness.world import World, world_of
from meshio import BadRequest, Mesh, RequestError
from meshio.mesh.resolve import resolve
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.mesh.source import Source
from meshio.message import Request
from meshio.testing.control_plane import ControlPlane
from meshio.testing.stream import ScriptedStream
from meshio.upstream.endpoint import Locality
from meshio.xds.bootstrap import Bootstrap
from meshio.xds.discovery import Change as Told
from meshio.xds.discovery import Reply, Resource
from meshio.xds.intake import Intake
from meshio.xds.source import XdsSource
from meshio.xds.types import WORDS


class Served:
    """A `Source` that has read a world, without a stream in between: what is good of it, and what was refused."""

    def __init__(self, case: Case) -> None:
        self.identity = Identity(locality=locality(case), local_cluster=LOCAL if case.local is not None else "")
        self._case, self._intake, self._changed = case, Intake(), asyncio.Event()
        self.refused: list[str] = []

    async def read(self, world: World) -> None:
        for type_url, resources in world.known.items():
            told = tuple(Resource(name, type_url, raw) for name, raw in resources.items())
            faults = await self._intake.take(Reply(type_url, "1", "1", told), Told(told, full=True), time.time())
            if faults:
                self.refused.append(WORDS[type_url])

    async def change(self) -> None:
        """Read what the case says of later."""
        await self.read(world_of(self._case.then))
        self._changed.set()

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        while (snapshot := resolve(self._intake.holdings.held()).snapshot) is not None:
            yield snapshot
            await self._changed.wait()
            self._changed.clear()

    def missing(self) -> str:
        return resolve(self._intake.holdings.held()).missing


async def replay(case: Case) -> Json:
    """What meshio makes of a case, read from its bytes directly."""
    source = Served(case)
    await source.read(world_of(case))
    if source.refused:
        return refused(source.refused)
    return await through_mesh(case, source, source.change)


async def through_mesh(case: Case, source: Source, tell: Change) -> Json:
    """Over any source, which `tell` tells what the case says of later. Random choices are the same each time."""
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

    async def change() -> None:
        before = mesh.snapshot
        await tell()
        async with asyncio.timeout(PATIENCE):
            while mesh.snapshot is before:  # noqa: ASYNC110  what is waited for is the mesh's own affair
                await asyncio.sleep(0.001)

    async with serving(case) as seen, Mesh([source]) as mesh:
        return outcome(case, await drive(case, send, seen, change))


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
        streams: asyncio.Queue[ScriptedStream] = asyncio.Queue()

        async def tell() -> None:
            await tell_later(streams.get_nowait(), world, world_of(case.then))

        serving = asyncio.create_task(serve(control, world, streams))
        source = XdsSource(bootstrap(control, case))
        try:
            told = await through_mesh(case, source, tell)
            kinds = [each.kind for each in source.status.refusals]
            return refused(kinds) if kinds else told
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def bootstrap(control: ControlPlane, case: Case) -> Bootstrap:
    told = control.bootstrap()
    if case.local is None:
        return told
    return replace(told, node=replace(told.node, locality=locality(case), local_cluster=LOCAL))


def locality(case: Case) -> Locality:
    """Where the node says it is."""
    told = (case.local or {}).get("locality", {})
    return Locality(told.get("region", ""), told.get("zone", ""), told.get("sub_zone", ""))


async def serve(control: ControlPlane, world: World, streams: "asyncio.Queue[ScriptedStream]") -> None:
    stream = await control.accept()
    streams.put_nowait(stream)
    await stream.serve_world(world.known)


async def tell_later(stream: ScriptedStream, before: World, now: World) -> None:
    """What has changed."""
    for type_url, resources in now.known.items():
        old = before.known[type_url]
        changed = {name: raw for name, raw in resources.items() if old.get(name) != raw}
        gone = tuple(old.keys() - resources.keys())
        if changed or gone:
            await stream.reply(type_url, "2", f"later-{type_url}", changed, gone)
