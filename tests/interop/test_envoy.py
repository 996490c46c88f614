"""A real Envoy, as a consumer of our control plane and as an upstream of our requests."""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from programs.envoy import Envoy, answering, envoy, under_control
from programs.istiod import LAB, NODE
from programs.process import Output, free_port, running, until, upstream

from meshio import Mesh
from meshio.controlplane.embedded import EmbeddedSource
from meshio.xds.bootstrap import identity_of

pytestmark = pytest.mark.interop

V1 = "127.0.0.2"  # the pod of reviews v1


@pytest.fixture
def pods(tmp_path: Path) -> int:
    """The lab in `lab`, with its pods on a port that is free."""
    port = free_port()
    shutil.copytree(LAB, tmp_path / "lab")
    services = tmp_path / "lab" / "kube" / "services.yaml"
    services.write_text(services.read_text().replace("19080", str(port)))
    return port


@contextmanager
def control_plane(folder: Path) -> Iterator[tuple[int, Output]]:
    """`meshio controlplane`, as a user starts it: its port and its log."""
    command = [sys.executable, "-m", "meshio", "controlplane", "lab", "--listen", "127.0.0.1:0"]
    with running(command, folder, "controlplane.log", {"PYTHONUNBUFFERED": "1"}) as output:
        until(lambda: "listening on" in output(), "meshio controlplane", output)
        (line,) = [line for line in output().splitlines() if line.startswith("listening on")]
        yield int(line.rpartition(":")[2]), output


def get(port: int, path: str, host: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Response headers and JSON body of a request through Envoy."""
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers={"host": host}), timeout=5) as response:
        return {name.lower(): value for name, value in response.headers.items()}, json.load(response)


def eventually(holds: Callable[[], bool], what: str, proxy: Envoy) -> None:
    until(holds, what, proxy.output)


@pytest.mark.parametrize("api", ["GRPC", "DELTA_GRPC"], ids=["state of the world", "delta"])
def test_envoy_takes_all_that_our_control_plane_sends_and_routes_by_it(peer: Any, tmp_path: Path, pods: int, api: str):
    place = {"region": NODE.locality.region, "zone": NODE.locality.zone}
    node = {"id": NODE.id, "cluster": NODE.cluster, "metadata": dict(NODE.metadata), "locality": place}
    port = free_port()
    with (
        upstream(V1, pods, tmp_path),
        control_plane(tmp_path) as (ads, log),
        envoy(peer("envoy"), tmp_path, under_control(node, ads, port, "9080", api), port) as proxy,
    ):
        eventually(
            lambda: proxy.stats("lds.update_success").get("listener_manager.lds.update_success") == 1, "LDS", proxy
        )
        headers, told = get(port, "/legacy/reviews/1", "reviews:9080")
        assert headers["x-served"] == "v1"
        assert told["path"] == "/reviews/1"
        assert told["headers"]["x-legacy"] == "1"

        traffic = tmp_path / "lab" / "istio" / "traffic.yaml"
        traffic.write_text(traffic.read_text().replace('{x-legacy: "1"}', '{x-legacy: "2"}'))
        changed = lambda: get(port, "/legacy/", "reviews")[1]["headers"]["x-legacy"] == "2"  # noqa: E731
        eventually(changed, "the edited route", proxy)

        rejected = {name: count for name, count in proxy.stats("update_rejected").items() if count}
        assert not rejected
        assert "refused" not in log()
        warming = proxy.stats("warming")
        assert warming["cluster_manager.warming_clusters"] == 0
        assert warming["listener_manager.total_listeners_warming"] == 0


def test_our_requests_reach_an_envoy(peer: Any, tmp_path: Path, pods: int):
    async def main() -> None:
        source = EmbeddedSource(tmp_path / "lab", identity_of(NODE))
        async with Mesh([source]) as mesh:
            response = await mesh.get("http://reviews:9080/legacy/reviews/1")
            assert (response.status, response.text) == (200, "hello from Envoy")
            assert response.headers["server"] == "envoy"
            assert response.headers["x-served"] == "v1"

    with envoy(peer("envoy"), tmp_path, answering(V1, pods, "hello from Envoy"), pods):
        asyncio.run(main(), debug=True)
