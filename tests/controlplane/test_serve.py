"""`meshio controlplane` without the command: a folder in, ADS out, as our own client takes it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from meshio.controlplane.embedded import EmbeddedSource
from meshio.controlplane.offer import offer_of
from meshio.controlplane.serve import Offers, labels_of, serve_directory, who
from meshio.controlplane.watch import Folder
from meshio.errors import ConfigError
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.routing.route import RouteTable
from meshio.upstream.endpoint import LoadAssignment, Locality
from meshio.xds.bootstrap import Bootstrap, Node, Server, identity_of
from meshio.xds.decode import Decoder
from meshio.xds.source import XdsSource
from meshio.xds.types import ASSIGNMENT, CLUSTER, ROUTES

LAB = Path(__file__).parent.parent / "lab"
NODE = Node(
    "sidecar~127.0.0.1~productpage-v1-0.default~default.svc.cluster.local",
    metadata={"LABELS": {"app": "productpage", "version": "v1"}},
    locality=Locality("r1", "z1"),
)
DIALECTS = pytest.mark.parametrize("incremental", [True, False], ids=["delta", "state of the world"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(LAB, tmp_path / "mesh")
    return tmp_path / "mesh"


def run(folder: Path, test: Callable[[int], Awaitable[None]]) -> None:
    """Serve a folder while the test runs; it gets the port."""

    async def main() -> None:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve_directory(folder, port=0, listening=port.set_result, interval=0.01))
        try:
            async with asyncio.timeout(20):
                await test(await port)
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

    asyncio.run(main(), debug=True)


def source(port: int, incremental: bool) -> XdsSource:
    return XdsSource(Bootstrap(Server("127.0.0.1", port), NODE, "test"), incremental=incremental)


async def embedded(folder: Path) -> Snapshot:
    labels = dict(labels_of(NODE))
    async with aclosing(EmbeddedSource(folder, identity_of(NODE), labels, NODE.locality).snapshots()) as snapshots:
        return await anext(snapshots)


@DIALECTS
def test_what_goes_over_the_wire_is_what_was_compiled(folder: Path, incremental: bool):
    async def test(port: int) -> None:
        ads = source(port, incremental)
        async with aclosing(ads.snapshots()) as snapshots:
            wire = await anext(snapshots)
        here = await embedded(folder)
        assert not ads.status.refusals
        assert wire.listeners == here.listeners
        assert wire.routes == here.routes
        assert wire.clusters == here.clusters
        assert wire.assignments == here.assignments
        assert wire.names == here.names

    run(folder, test)


@DIALECTS
def test_an_edit_reaches_clients_and_touches_nothing_else(folder: Path, incremental: bool):
    async def test(port: int) -> None:
        async with aclosing(source(port, incremental).snapshots()) as snapshots:
            before = await anext(snapshots)
            traffic = folder / "istio" / "traffic.yaml"
            traffic.write_text(traffic.read_text().replace("short and stout", "tall and slim"))
            after = await anext(snapshots)
        changed = {name for name, table in after.routes.items() if table is not before.routes[name]}
        assert changed == {
            "80",
            "9080",
            "9090",
        }  # its ports, and 80 as in istiod
        assert "tall and slim" in str(after.routes["9080"])
        assert all(cluster is before.clusters[name] for name, cluster in after.clusters.items())

    run(folder, test)


def test_what_a_client_gets_depends_on_its_namespace():
    folder = Folder(LAB)
    folder.read()
    offers = Offers(folder)
    other = Node("sidecar~127.0.0.7~details-v1-0.other~other.svc.cluster.local")
    ours, theirs = (offers.offer_for(node).find(ROUTES, "80") for node in (NODE, other))
    assert ours
    assert theirs
    assert ours.version != theirs.version  # `details` is a name of its own namespace only


def test_an_unknown_route_table_or_load_assignment_is_an_empty_one():
    offer = offer_of(Snapshot())
    for kind, blank in ((ROUTES, RouteTable("x", ())), (ASSIGNMENT, LoadAssignment("x"))):
        resource = offer.blank(kind, "x")
        assert resource
        assert Decoder().decode(kind, "x", resource.raw) == blank
    assert offer.blank(CLUSTER, "x") is None


def test_clients_of_one_kind_share_their_offer_until_the_documents_change():
    folder = Folder(LAB)
    folder.read()
    offers = Offers(folder)
    first = offers.offer_for(NODE)
    assert offers.offer_for(Node(NODE.id, "other cluster", NODE.metadata, NODE.locality)) is first
    offers.forget()
    assert offers.offer_for(NODE) is not first


def test_a_client_that_is_not_istios_is_a_pod_of_the_default_namespace():
    assert who(Node("my-envoy-1")) == Identity(pod="my-envoy-1")
    assert labels_of(Node("x", metadata={"LABELS": "nonsense"})) == ()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nowhere: not a folder"):
        asyncio.run(serve_directory(tmp_path / "nowhere", port=0), debug=True)
