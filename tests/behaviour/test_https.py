"""TLS out of the mesh: https URLs, which we end ourselves, and http URLs that a DestinationRule puts into TLS."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

import meshio
from meshio.naming.resolver import Answer
from tests.behaviour.world import OK, Upstream, answering, mesh_of

CERTS = Path(__file__).parents[1] / "transport" / "certs"
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: site, namespace: default}}
spec:
  hosts: ["{host}"]
  ports: [{{number: {port}, name: it, protocol: {protocol}}}]
  resolution: {resolution}
"""
ORIGINATE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: site, namespace: default}
spec:
  host: site.test
  trafficPolicy: {tls: {mode: SIMPLE, sni: site.test}}
"""
NOBODY = "\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"


class Secure(Upstream):
    """An upstream that speaks TLS as site.test and *.wild.test."""

    @asynccontextmanager
    async def listening(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTS / "server.pem")
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.transport.abort()
            await server.wait_closed()


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Run a scenario with a server whose authority this machine trusts, and a network that knows its names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTS / "ca.pem"))

    def run(scenario, *documents, talk=None):
        async def known(host, port, **more):
            if not host.endswith(".test"):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        async def look_up(self, resolver, host, family):
            return Answer((("127.0.0.1", 0),)) if host.endswith(".test") else Answer()

        monkeypatch.setattr("meshio.registry.lookup.Lookups.look_up", look_up)

        async def main():
            asyncio.get_running_loop().getaddrinfo = known
            async with Secure(talk or answering(OK)).listening() as up:
                texts = [text.replace("PORT", str(up.port)) for text in documents]
                async with mesh_of(tmp_path, *texts) as mesh:
                    await scenario(mesh, up.port)

        asyncio.run(main(), debug=True)

    return run


def entry(host, protocol="HTTPS", resolution="NONE"):
    return ENTRY.format(host=host, port="PORT", protocol=protocol, resolution=resolution)


def test_an_unknown_https_host_is_reached_directly_and_its_certificate_checked(world):
    async def scenario(mesh, port):
        reply = await mesh.get(f"https://site.test:{port}/")
        assert (reply.status, reply.text, reply.mesh.cluster) == (200, "ok", "PassthroughCluster")
        async with httpx.AsyncClient(transport=meshio.MeshTransport(mesh)) as client:
            assert (await client.get(f"https://a.wild.test:{port}/")).text == "ok"
        reply = await mesh.get(f"https://evil.test:{port}/")
        assert (reply.status, reply.mesh.flags) == (503, ["UF"])
        assert "CERTIFICATE_VERIFY_FAILED" in reply.mesh.details

    world(scenario, entry("other.test"))


def test_a_long_body_comes_whole_over_tls(world):
    body = bytes(range(256)) * 10_000

    async def scenario(mesh, port):
        for _ in range(2):
            async with mesh.stream("GET", f"https://site.test:{port}/") as reply:
                assert b"".join([chunk async for chunk in reply.stream()]) == body
        assert mesh.pools.counters.dialled == 1

    long = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    world(scenario, entry("site.test"), talk=answering(long))


@pytest.mark.parametrize("resolution", ["NONE", "DNS"])
def test_a_service_entry_for_https_takes_the_connection_by_its_server_name(resolution, world):
    async def scenario(mesh, port):
        for _ in range(2):
            reply = await mesh.get(f"https://site.test:{port}/")
            assert (reply.status, reply.mesh.cluster) == (200, f"outbound|{port}||site.test")

    world(scenario, entry("site.test", resolution=resolution), NOBODY)


def test_a_wildcard_for_https_takes_every_name_below_it_and_no_other(world):
    async def scenario(mesh, port):
        reply = await mesh.get(f"https://a.wild.test:{port}/")
        assert (reply.status, reply.mesh.cluster) == (200, f"outbound|{port}||*.wild.test")
        reply = await mesh.get(f"https://site.test:{port}/")
        assert (reply.status, reply.mesh.cluster) == (503, "BlackHoleCluster")

    world(scenario, entry("*.wild.test"), NOBODY)


def test_an_http_url_is_put_into_tls_where_the_destination_rule_says_so(world):
    async def scenario(mesh, port):
        reply = await mesh.get(f"http://site.test:{port}/")
        assert (reply.status, reply.mesh.cluster) == (200, f"outbound|{port}||site.test")
        reply = await mesh.get(f"https://site.test:{port}/")  # a second TLS inside of the first is nobody's wish
        assert reply.status == 503

    world(scenario, entry("site.test", "HTTP", "DNS"), ORIGINATE, NOBODY)
