"""Names that requests bring along, from a real name server to a real upstream, in plain text and in TLS."""

import asyncio
from contextlib import asynccontextmanager

import pytest

import meshio
from meshio.balancing.cluster_provided import ClusterProvided
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.naming.cache import NameCache
from meshio.naming.resolver import Resolver
from meshio.resilience.named_host import NamedHost
from meshio.routing.filters import Filter
from meshio.routing.listener import ChainMatch, FilterChain, HttpChain, Listener, TcpChain
from meshio.routing.route import Route, WeightedCluster
from meshio.upstream.cluster import Cluster, DynamicForward
from tests.behaviour.test_https import CERTS, Secure
from tests.behaviour.world import OK, Upstream, answering
from tests.mesh.planes import ANY, table, to
from tests.nameserver import naming

ZONE = {"site.test": {"A": ["127.0.0.1"]}, "gone.test": {}}


class Told:
    """A source that has one thing to say."""

    identity = Identity()

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    async def snapshots(self):
        yield self._snapshot
        await asyncio.Event().wait()

    def missing(self) -> str:
        return ""


def wildcards(cache: NameCache, port: int) -> Snapshot:
    """HTTP by the host that requests name, TLS by the server that connections name."""
    http = HttpChain("r", filters=(Filter("dfp", NamedHost(cache)),))
    tls = FilterChain(TcpChain((WeightedCluster("w"),), named=(cache, port)), ChainMatch(transport_protocol="tls"))
    listener = Listener("l", "0.0.0.0", port, (tls, FilterChain(http)))
    cluster = Cluster("w", DynamicForward(cache=cache), ClusterProvided())
    routes = table(Route(ANY, to("w")), name="r")
    return Snapshot(listeners={"l": listener}, routes={"r": routes}, clusters={"w": cluster})


@asynccontextmanager
async def reaching(upstream: Upstream):
    """A mesh whose wildcard hosts are looked up by a name server of its own."""
    async with upstream.listening() as up, naming(ZONE) as server:
        host, port = server.at
        cache = NameCache("c", resolver=Resolver((f"{host}:{port}",)), family="v4")
        async with meshio.Mesh([Told(wildcards(cache, up.port))]) as mesh:
            yield mesh, up.port, server


def test_a_host_is_looked_up_once_and_a_name_without_address_is_told() -> None:
    async def main() -> None:
        async with reaching(Upstream(answering(OK))) as (mesh, port, server):
            for _ in range(3):
                reply = await mesh.get(f"http://site.test:{port}/")
                assert (reply.status, reply.mesh.endpoint) == (200, f"127.0.0.1:{port}")
            reply = await mesh.get(f"http://gone.test:{port}/")
            assert (reply.status, reply.text, reply.mesh.flags) == (503, "DNS resolution failure", ["DF"])
            assert server.asked == {"A site.test": 1, "A gone.test": 1}

    asyncio.run(main(), debug=True)


def test_the_same_in_tls_of_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTS / "ca.pem"))

    async def main() -> None:
        async with reaching(Secure(answering(OK))) as (mesh, port, server):
            for _ in range(2):
                reply = await mesh.get(f"https://site.test:{port}/")
                assert (reply.status, reply.mesh.endpoint) == (200, f"127.0.0.1:{port}")
            reply = await mesh.get(f"https://gone.test:{port}/")
            assert reply.status == 503
            assert reply.mesh.details.startswith("dns_resolution_failure{cares_norecords")
            assert server.asked == {"A site.test": 1, "A gone.test": 1}

    asyncio.run(main(), debug=True)
