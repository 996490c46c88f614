"""meshio against a control plane that shares no code with it or with Istio: a server on go-control-plane."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from programs.istiod import NODE
from programs.process import Output, free_port, running, until, upstream

from meshio import Mesh
from meshio.mesh.snapshot import Snapshot
from meshio.xds.bootstrap import Bootstrap, Server
from meshio.xds.source import XdsSource

pytestmark = pytest.mark.interop

TYPE = "type.googleapis.com/"
MANAGER = TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = TYPE + "envoy.extensions.filters.http.router.v3.Router"
ADS = {"ads": {}, "resourceApiVersion": "V3"}
Json = dict[str, Any]


def address(host: str, port: int) -> Json:
    return {"socketAddress": {"address": host, "portValue": port}}


def resources(pod: int, rewritten: str) -> Json:
    """One service `shop` on port 80, with a plain route and one that rewrites."""
    router = {"name": "envoy.filters.http.router", "typedConfig": {"@type": ROUTER}}
    rds = {"configSource": ADS, "routeConfigName": "80"}
    manager = {"@type": MANAGER, "statPrefix": "shop", "rds": rds, "httpFilters": [router]}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typedConfig": manager}]}
    routes = [
        {"match": {"pathSeparatedPrefix": "/old"}, "route": {"cluster": "shop", "prefixRewrite": rewritten}},
        {"match": {"prefix": "/"}, "route": {"cluster": "shop"}},
    ]
    endpoint = {"endpoint": {"address": address("127.0.0.1", pod)}}
    return {
        "clusters": [{"name": "shop", "type": "EDS", "edsClusterConfig": {"edsConfig": ADS}, "connectTimeout": "1s"}],
        "endpoints": [{"clusterName": "shop", "endpoints": [{"lbEndpoints": [endpoint]}]}],
        "listeners": [{"name": "shop", "address": address("0.0.0.0", 80), "filterChains": [chain]}],
        "routes": [{"name": "80", "virtualHosts": [{"name": "shop", "domains": ["shop"], "routes": routes}]}],
    }


class Mesher:
    """A running control plane with its file."""

    def __init__(self, port: int, pod: int, file: Path, output: Output) -> None:
        self.port = port
        self.pod = pod
        self.output = output
        self._file = file

    def serve(self, rewritten: str) -> None:
        """Replace the file in one step."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(resources(self.pod, rewritten)))
        os.replace(fresh, self._file)

    def source(self, incremental: bool) -> XdsSource:
        return XdsSource(Bootstrap(Server("127.0.0.1", self.port), NODE, "test"), incremental=incremental)


@pytest.fixture
def plane(peer: Any, tmp_path: Path) -> Iterator[Mesher]:
    with control_plane(peer("goctl"), tmp_path) as started:
        yield started


@contextmanager
def control_plane(program: Path, folder: Path) -> Iterator[Mesher]:
    port, pod = free_port(), free_port()
    command = [program, "-listen", f"127.0.0.1:{port}", "-resources", "mesh.json"]
    with (
        upstream("127.0.0.1", pod, folder),
        running(command, folder, "goctl.log") as output,
    ):
        mesher = Mesher(port, pod, folder / "mesh.json", output)
        mesher.serve("/new")
        until(lambda: "ready" in output(), "goctl", output)
        yield mesher


DIALECTS = pytest.mark.parametrize("incremental", [True, False], ids=["delta", "state of the world"])


@DIALECTS
def test_requests_follow_its_routes(plane: Mesher, incremental: bool):
    async def main() -> None:
        source = plane.source(incremental)
        async with Mesh([source]) as mesh:
            told = (await mesh.get("http://shop/old/shoes?size=42")).json()
            assert told["path"] == "/new/shoes?size=42"
            assert told["headers"]["host"] == "shop"
            assert (await mesh.get("http://shop/hats")).json()["path"] == "/hats"
        assert not source.status.refusals

    asyncio.run(main(), debug=True)
    assert "NACK" not in plane.output()


@DIALECTS
def test_a_change_arrives_and_what_is_the_same_stays_the_same_object(plane: Mesher, incremental: bool):
    async def main() -> None:
        async with aclosing(plane.source(incremental).snapshots()) as snapshots, asyncio.timeout(20):
            before = await anext(snapshots)
            plane.serve("/newer")
            after = await changed(snapshots, before)
            assert after.clusters["shop"] is before.clusters["shop"]
            assert after.assignments["shop"] is before.assignments["shop"]

    asyncio.run(main(), debug=True)
    assert "NACK" not in plane.output()


async def changed(snapshots: AsyncIterator[Snapshot], before: Snapshot) -> Snapshot:
    """The first snapshot with another route table."""
    async for snapshot in snapshots:
        if snapshot.routes["80"] != before.routes["80"]:
            return snapshot
    raise AssertionError("the source ended")
