"""A folder of YAML as a source: what its user edits is what is in service."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from meshio.controlplane.embedded import EmbeddedSource
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.routing.route import Forward
from meshio.upstream.endpoint import Locality

LAB = Path(__file__).parent.parent / "lab"
TABLE = "9080"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(LAB, tmp_path / "mesh")
    return tmp_path / "mesh"


def edit(folder: Path, old: str, new: str) -> None:
    traffic = folder / "istio" / "traffic.yaml"
    text = traffic.read_text()
    assert old in text
    traffic.write_text(text.replace(old, new))


def weights(snapshot: Snapshot) -> list[int]:
    """Of the route named "split"."""
    routes = [route for host in snapshot.routes[TABLE].hosts for route in host.routes if route.name == "split"]
    (action,) = [route.action for route in routes if isinstance(route.action, Forward)]
    return [cluster.weight for cluster in action.clusters]


def run(folder: Path, test: Callable[[AsyncIterator[Snapshot]], Awaitable[None]]) -> EmbeddedSource:
    source = EmbeddedSource(
        folder, Identity("127.0.0.1", "productpage-v1-0"), {"app": "productpage"}, Locality("r1", "z1"), interval=0.01
    )

    async def main() -> None:
        async with aclosing(source.snapshots()) as snapshots, asyncio.timeout(10):
            await test(snapshots)

    asyncio.run(main(), debug=True)
    return source


def test_an_edited_split_is_in_service_and_all_else_is_what_it_was(folder: Path):
    async def test(snapshots: AsyncIterator[Snapshot]) -> None:
        before = await anext(snapshots)
        assert weights(before) == [80, 20]
        edit(folder, "weight: 80", "weight: 70")
        edit(folder, "weight: 20", "weight: 30")
        after = await anext(snapshots)
        assert weights(after) == [70, 30]
        assert all(before.clusters[name] is cluster for name, cluster in after.clusters.items())
        assert before.versions["routes", TABLE].version == "1"
        assert after.versions["routes", TABLE].version == "2"
        assert after.versions["clusters", "PassthroughCluster"].version == "1"

    run(folder, test)


def test_a_typing_error_changes_nothing_and_is_told_once(folder: Path, caplog: pytest.LogCaptureFixture):
    async def test(snapshots: AsyncIterator[Snapshot]) -> None:
        await anext(snapshots)
        caplog.clear()
        edit(folder, "name: split", "name: split: [")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(snapshots), 0.3)

    run(folder, test)
    told = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    assert len(told) == 2
    assert "traffic.yaml" in told[0]
    assert told[1] == f"{folder}: what was read before stays in service"


def test_once_the_error_is_corrected_the_file_is_in_service_again(folder: Path):
    async def test(snapshots: AsyncIterator[Snapshot]) -> None:
        await anext(snapshots)
        (folder / "istio" / "new.yaml").write_text("kind: VirtualService\nspec: {hosts")
        await asyncio.sleep(0.1)
        (folder / "istio" / "new.yaml").write_text("")
        edit(folder, "weight: 80", "weight: 79")
        assert weights(await anext(snapshots)) == [79, 20]

    run(folder, test)


def test_an_empty_folder_says_what_is_missing_and_serves_what_comes(tmp_path: Path):
    async def test(snapshots: AsyncIterator[Snapshot]) -> None:
        first = asyncio.ensure_future(anext(snapshots))
        await asyncio.sleep(0.05)
        assert not first.done()
        assert source.missing() == f"nothing in {tmp_path} can be served\n  {tmp_path}: error: no YAML files here " + (
            "(*.yaml and *.yml are read)"
        )
        shutil.copytree(LAB, tmp_path, dirs_exist_ok=True)
        assert TABLE in (await first).routes
        assert source.missing() == ""

    source = EmbeddedSource(tmp_path, interval=0.01)

    async def main() -> None:
        async with aclosing(source.snapshots()) as snapshots, asyncio.timeout(10):
            await test(snapshots)

    asyncio.run(main(), debug=True)


def test_it_says_where_it_reads_from(folder: Path):
    assert str(EmbeddedSource(folder)) == f"{folder} (Istio YAML)"
