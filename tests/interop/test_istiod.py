"""meshio against a real istiod: everything it sends is taken, and decided as the development control plane does."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from programs.istiod import LAB, NODE, Istiod, istiod

from meshio.client.url import split_url
from meshio.controlplane.embedded import EmbeddedSource
from meshio.controlplane.serve import labels_of
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.explain import explain
from meshio.mesh.snapshot import Snapshot
from meshio.mesh.source import Source
from meshio.message import Request, Send
from meshio.routing.route import Forward
from meshio.upstream.upstream import Upstream
from meshio.xds.bootstrap import Bootstrap, Server, identity_of
from meshio.xds.source import XdsSource

pytestmark = pytest.mark.interop

IDENTITY = identity_of(NODE)
REVIEWS = "http://reviews:9080"


class Asked(NamedTuple):
    url: str
    method: str = "GET"
    headers: tuple[tuple[bytes, bytes], ...] = ()


ASKED = (
    Asked(REVIEWS + "/reviews/1"),
    Asked("http://reviews.default:9080/reviews/1"),
    Asked("http://reviews.default.svc:9080/reviews/1"),
    Asked("http://reviews.default.svc.cluster.local:9080/reviews/1"),
    Asked("http://10.96.0.11:9080/reviews/1"),
    Asked(REVIEWS + "/reviews/1", headers=((b"x-canary", b"true"),)),
    Asked(REVIEWS + "/reviews/1", headers=((b"x-canary", b"false"),)),
    Asked(REVIEWS + "/reviews/1", headers=((b"cookie", b"a=b;user=jason;c=d"),)),
    Asked(REVIEWS + "/legacy/reviews/1"),
    Asked(REVIEWS + "/legacy"),
    Asked(REVIEWS + "/old"),
    Asked(REVIEWS + "/old/"),
    Asked(REVIEWS + "/teapot"),
    Asked(REVIEWS + "/faulty/x"),
    Asked(REVIEWS + "/x?debug=1"),
    Asked(REVIEWS + "/x?debug=1", "POST"),
    Asked(REVIEWS + "/x?debug=1", headers=((b"x-no", b""),)),
    Asked(REVIEWS + "/a/../old"),
    Asked("http://reviews:9090/"),
    Asked("http://ratings:9080/ratings/1"),
    Asked("http://details.other/"),
    Asked("http://details/"),
    Asked("http://details.other:8080/"),
    Asked("http://details.other:8888/"),
    Asked("http://details.other:7000/"),
    Asked("http://productpage:8000/"),
    Asked("http://cassandra:7070/"),
    Asked("http://cassandra-0.cassandra:7070/"),
    Asked("http://api.example.com/v1"),
    Asked("https://api.example.com/v1"),
    Asked("http://deep.wild.example.org/"),
    Asked("http://elsewhere.example.net/"),
    Asked("http://elsewhere.example.net:12345/"),
    Asked("http://reviews:9999/"),
)


@pytest.fixture(scope="module")
def real(peer: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Istiod]:
    with istiod(peer("istiod"), tmp_path_factory.mktemp("istiod")) as started:
        yield started


def over_ads(port: int, incremental: bool) -> XdsSource:
    return XdsSource(Bootstrap(Server("127.0.0.1", port), NODE, "test"), incremental=incremental)


async def first(source: Source) -> Snapshot:
    async with aclosing(source.snapshots()) as snapshots, asyncio.timeout(20):  # type: ignore[type-var]
        return await anext(snapshots)


def embedded(lab: Path = LAB) -> EmbeddedSource:
    return EmbeddedSource(lab, IDENTITY, dict(labels_of(NODE)), NODE.locality)


def unsent(upstream: Upstream) -> Send:
    raise AssertionError("explaining sends nothing")


async def decide(snapshot: Snapshot) -> dict[Asked, dict[str, object]]:
    """What becomes of each request."""
    plane = Dataplane(IDENTITY, unsent)  # type: ignore[arg-type]
    plane.publish(snapshot)
    told = {asked: explain(plane, request_for(asked)).as_dict() for asked in ASKED}
    await plane.aclose()
    return told


def request_for(asked: Asked) -> Request:
    origin, path = split_url(asked.url, None)
    headers = [*asked.headers, (b"x-request-id", b"of its own")]  # else each gets another
    return Request(
        asked.method.encode(), origin.authority, path, headers, scheme=origin.scheme, host=origin.host, port=origin.port
    )


@pytest.mark.parametrize("incremental", [True, False], ids=["delta", "state of the world"])
def test_everything_istiod_sends_is_taken(real: Istiod, incremental: bool):
    async def main() -> None:
        source = over_ads(real.port, incremental)
        snapshot = await first(source)
        assert not source.status.refusals
        assert len(snapshot.listeners) == 13
        assert {"80", "9080", "details.other.svc.cluster.local:8080"} <= snapshot.routes.keys()
        assert "reviews.default.svc.cluster.local" in snapshot.names

    asyncio.run(main(), debug=True)


@pytest.mark.parametrize("incremental", [True, False], ids=["delta", "state of the world"])
def test_the_same_yaml_leads_to_the_same_decisions(real: Istiod, incremental: bool):
    async def main() -> None:
        theirs = await decide(await first(over_ads(real.port, incremental)))
        ours = await decide(await first(embedded()))
        for asked in ASKED:
            assert ours[asked] == theirs[asked], asked

    asyncio.run(main(), debug=True)


@pytest.mark.parametrize("incremental", [True, False], ids=["delta", "state of the world"])
def test_an_edited_virtual_service_is_in_service_within_seconds(real: Istiod, incremental: bool):
    traffic = real.lab / "istio" / "traffic.yaml"
    before = traffic.read_text()

    async def main() -> None:
        source = over_ads(real.port, incremental)
        async with aclosing(source.snapshots()) as snapshots, asyncio.timeout(20):
            assert split(await anext(snapshots)) == [80, 20]
            traffic.write_text(before.replace("weight: 80", "weight: 55").replace("weight: 20", "weight: 45"))
            edited = time.monotonic()
            while split(await anext(snapshots)) != [55, 45]:
                pass
            assert time.monotonic() - edited < 5
            traffic.write_text(before)
            while split(await anext(snapshots)) != [80, 20]:
                pass
        assert not source.status.refusals

    asyncio.run(main(), debug=True)


def split(snapshot: Snapshot) -> list[int]:
    """The weights of the route of that name."""
    routes = [route for host in snapshot.routes["9080"].hosts for route in host.routes if route.name == "split"]
    return [c.weight for route in routes if isinstance(route.action, Forward) for c in route.action.clusters]
