"""The control plane over real sockets, asked as a client asks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from meshio.controlplane.offer import Offer, offer_of
from meshio.controlplane.server import ControlPlane
from meshio.errors import ConfigError
from meshio.mesh.snapshot import Name, Snapshot
from meshio.routing.route import DirectResponse, Route, RouteTable, VirtualHost
from meshio.upstream.endpoint import Endpoint, LoadAssignment, Locality, LocalityEndpoints
from meshio.xds.bootstrap import Node, Server
from meshio.xds.discovery import Ask, DeltaAsk, Reply
from meshio.xds.envelope import read_delta_reply, read_reply, write_ask
from meshio.xds.stream import INCREMENTAL, WHOLE, Stream, StreamEnded, opened
from meshio.xds.types import ASSIGNMENT, NAMES, ROUTES

NODE = Node("sidecar~10.0.0.1~shop-1.default~default.svc.cluster.local", "shop", {"LABELS": {"app": "shop"}})


def mesh(body: bytes = b"hello") -> Snapshot:
    route = Route((), DirectResponse(200, body))
    group = LocalityEndpoints((Endpoint(("10.0.0.9", 80)),), Locality("r1", "z1"))
    return Snapshot(
        routes={"80": RouteTable("80", (VirtualHost("any", ("*",), (route,)),))},
        assignments={"a": LoadAssignment("a", (group,))},
        names={"a.default.svc.cluster.local": Name(("10.96.0.1",))},
    )


class Plane:
    """A control plane whose one snapshot a test replaces."""

    def __init__(self) -> None:
        self.snapshot = mesh()
        self.seen: list[Node] = []
        self.server = ControlPlane(self.offer_for)
        self.port = 0

    def offer_for(self, node: Node) -> Offer:
        self.seen.append(node)
        return offer_of(self.snapshot)

    @asynccontextmanager
    async def stream(self, method: str):
        async with opened(Server("127.0.0.1", self.port), method, {}) as stream:
            yield stream

    async def count(self, clients: int) -> None:
        """Wait until so many are connected."""
        async with asyncio.timeout(5):
            while len(self.server.clients) != clients:  # noqa: ASYNC110  # nobody is told when a client goes
                await asyncio.sleep(0.01)


def run(test: Callable[[Plane], Awaitable[None]]) -> None:
    async def main() -> None:
        plane = Plane()
        async with plane.server.serve() as plane.port:
            async with asyncio.timeout(10):
                await test(plane)

    asyncio.run(main(), debug=True)


async def whole(stream: Stream, ask: Ask, node: Node | None = None) -> Reply:
    await stream.send(write_ask(ask, node))
    return read_reply(await stream.receive())


async def delta(stream: Stream, ask: DeltaAsk, node: Node | None = None) -> Reply:
    await stream.send(write_ask(ask, node))
    return read_delta_reply(await stream.receive())


def test_a_client_is_told_what_it_asks_for_and_then_what_changes():
    async def test(plane: Plane) -> None:
        async with plane.stream(WHOLE) as stream:
            first = await whole(stream, Ask(ROUTES, ("80",)), NODE)
            assert [each.name for each in first.resources] == ["80"]
            await stream.send(write_ask(Ask(ROUTES, ("80",), first.version, first.nonce), None))
            plane.snapshot = mesh(b"changed")
            plane.server.publish()
            second = read_reply(await stream.receive())
            assert b"changed" in second.resources[0].raw
            assert second.version != first.version

    run(test)


def test_incremental_clients_hear_of_removal():
    async def test(plane: Plane) -> None:
        async with plane.stream(INCREMENTAL) as stream:
            first = await delta(stream, DeltaAsk(ASSIGNMENT, ("a",)), NODE)
            assert [each.name for each in first.resources] == ["a"]
            plane.snapshot = Snapshot()
            plane.server.publish()
            second = read_delta_reply(await stream.receive())
            assert second.removed == ("a",)

    run(test)


def test_the_name_table_is_one_resource_without_a_name():
    async def test(plane: Plane) -> None:
        async with plane.stream(INCREMENTAL) as stream:
            reply = await delta(stream, DeltaAsk(NAMES), NODE)
            assert [(each.name, each.type_url) for each in reply.resources] == [("", NAMES)]

    run(test)


def test_what_a_client_may_have_depends_on_the_node_it_introduced_itself_with():
    async def test(plane: Plane) -> None:
        async with plane.stream(WHOLE) as stream:
            await whole(stream, Ask(NAMES, ()), NODE)
            await whole(stream, Ask(ROUTES, ("80",)))
            assert plane.seen == [NODE]

    run(test)


def test_refusals_are_logged_with_who_and_why(caplog: pytest.LogCaptureFixture):
    async def test(plane: Plane) -> None:
        async with plane.stream(WHOLE) as stream:
            reply = await whole(stream, Ask(ROUTES, ("80",)), NODE)
            await stream.send(write_ask(Ask(ROUTES, ("80",), "", reply.nonce, "80: no such matcher"), None))
            await whole(stream, Ask(NAMES, ()))  # once this is answered, the refusal was heard

    with caplog.at_level(logging.INFO, "meshio.controlplane"):
        run(test)
    (warning,) = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert warning == f"{NODE.id} #1 refused routes: 80: no such matcher"
    assert any("connected (state of the world)" in each.message for each in caplog.records)


def test_clients_that_vanish_are_forgotten():
    async def test(plane: Plane) -> None:
        for _ in range(3):
            async with plane.stream(INCREMENTAL) as stream:
                await delta(stream, DeltaAsk(NAMES), NODE)
                await plane.count(1)
            await plane.count(0)
        plane.server.publish()

    run(test)


def test_a_slow_client_gets_the_newest_state_only():
    async def test(plane: Plane) -> None:
        async with plane.stream(WHOLE) as stream:
            await whole(stream, Ask(ROUTES, ("80",)), NODE)
            for number in range(100):
                plane.snapshot = mesh(b"version %d" % number)
                plane.server.publish()
            reply = read_reply(await stream.receive())
            assert b"version 99" in reply.resources[0].raw

    run(test)


def test_garbage_ends_the_stream_and_nothing_else():
    async def test(plane: Plane) -> None:
        with pytest.raises(StreamEnded, match="INVALID_ARGUMENT"):
            async with plane.stream(WHOLE) as stream:
                await stream.send(b"\xff\xff\xff")
                await stream.receive()
        async with plane.stream(WHOLE) as stream:
            assert (await whole(stream, Ask(NAMES, ()), NODE)).resources

    run(test)


def test_a_port_that_is_taken_is_named():
    async def test(plane: Plane) -> None:
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{plane.port}"):
            async with ControlPlane(plane.offer_for).serve(port=plane.port):
                pass

    run(test)
