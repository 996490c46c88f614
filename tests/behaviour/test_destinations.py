"""Every way to write down where a request goes, against what istiod really sends: which cluster takes it, and where.

The recording's endpoints are addresses of this machine (127.0.0.0/8), so that real servers answer on some.
"""

import asyncio
import re
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import meshio
from meshio.client.native import build
from meshio.mesh.resolve import Held, resolve
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.naming.resolver import Answer
from meshio.xds.decode import Decoder
from meshio.xds.envelope import read_reply
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES
from tests.behaviour.world import Upstream, entry, mesh_of

RECORDING = Path(__file__).parents[1] / "golden" / "istiod" / "sidecar"


def recorded() -> Snapshot:
    """What a real istiod sent to a sidecar in the namespace `default`."""
    held = {kind: {} for kind in (LISTENER, ROUTES, CLUSTER, ASSIGNMENT, NAMES)}
    decoder = Decoder()
    for path in sorted(RECORDING.iterdir()):
        reply = read_reply(path.read_bytes())
        for each in reply.resources:
            held[reply.type_url][each.name] = decoder.decode(reply.type_url, each.name, each.raw)
    (names,) = held[NAMES].values()
    found = resolve(Held(held[LISTENER], held[CLUSTER], held[ROUTES], held[ASSIGNMENT], names))
    assert found.snapshot is not None, found.missing
    return found.snapshot


class Recording:
    """A source that says what was recorded."""

    identity = Identity("default", "127.0.0.1", "default.svc.cluster.local")

    def __str__(self) -> str:
        return "a recording"

    def missing(self) -> str:
        return ""

    async def snapshots(self):
        yield recorded()


@asynccontextmanager
async def istios(monkeypatch):
    """The recorded mesh, without the network's DNS: it knows nobody."""
    asked = []

    async def nobody(host, *args, **more):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def unknown(self, resolver, host, family):
        asked.append(host)
        return Answer(reason="cares_norecords:Domain name not found")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody)
    monkeypatch.setattr("meshio.registry.lookup.Lookups.look_up", unknown)
    async with meshio.Mesh([Recording()]) as mesh:
        asked.clear()
        yield mesh, asked


def scenario(body, monkeypatch):
    async def main():
        async with istios(monkeypatch) as (mesh, asked):
            await body(mesh, asked)

    asyncio.run(main(), debug=True)


REVIEWS = "outbound|9080||reviews.default.svc.cluster.local"
DETAILS = "outbound|8888||details.other.svc.cluster.local"
RATINGS = "outbound|9080||ratings.default.svc.cluster.local"
PASS = "PassthroughCluster"
CASES = [
    ("http://reviews:9080/", "", REVIEWS),
    ("http://REVIEWS:9080/", "", REVIEWS),
    ("http://reviews.default:9080/", "", REVIEWS),
    ("http://reviews.default.svc:9080/", "", REVIEWS),
    ("http://reviews.default.svc.cluster.local:9080/", "", REVIEWS),
    ("http://reviews.default.svc.cluster.local.:9080/", "", REVIEWS),
    ("http://10.96.0.11:9080/", "", REVIEWS),
    ("http://ratings:9080/", "", RATINGS),
    ("http://details.other:8888/", "", DETAILS),
    ("http://details.other.svc.cluster.local:8888/", "", DETAILS),
    ("http://10.96.0.13:8888/", "", DETAILS),
    ("http://details.other/", "", "outbound|80||details.other.svc.cluster.local"),
    ("http://details:8888/", "", PASS),  # of another namespace: no such name here
    ("http://ratings:9080/", "reviews", REVIEWS),  # the Host header is the authority that routes see
    ("http://ratings:9080/", "reviews:9080", REVIEWS),
    ("http://reviews:9080/", "nobody.example", PASS),
    ("http://cassandra:7070/", "", "outbound|7070||cassandra.default.svc.cluster.local"),
    ("http://127.0.0.9:7070/", "cassandra", "outbound|7070||cassandra.default.svc.cluster.local"),
    ("http://127.0.0.9:7070/", "", PASS),
    ("http://api.example.com/", "", "outbound|80||api.example.com"),
    ("http://a.wild.example.org/", "", "outbound|80||*.wild.example.org"),
    ("http://nobody.example/", "", PASS),
    ("http://nobody.example:12345/", "", PASS),
    ("http://[::1]:9080/", "", PASS),
    ("https://api.example.com/", "", "outbound|443||api.example.com"),
    ("https://a.wild.example.org/", "", "outbound|443||*.wild.example.org"),
    ("https://nobody.example/", "", PASS),
]


def test_every_way_to_write_a_destination_leads_where_a_sidecar_sends_it(monkeypatch):
    async def body(mesh, asked):
        for url, host, cluster in CASES:
            told = mesh.explain(build("GET", url, headers={"host": host} if host else None))
            found = {re.sub(r"\|v[123]\|", "||", each.cluster) for each in told.clusters}
            assert found == {cluster}, (url, host)

    scenario(body, monkeypatch)


async def who(reader, writer):
    """Answers with the address it was reached at, and the Host header."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        host = next(line for line in head if line.lower().startswith(b"host:"))
        text = f"{writer.get_extra_info('sockname')[0]} {host[6:].decode()}".encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))


@asynccontextmanager
async def serving(address, port):
    server = await asyncio.start_server(who, address, port)
    async with server:
        yield


def test_a_headless_service_is_reached_at_its_pods_without_the_networks_dns(monkeypatch):
    async def body(mesh, asked):
        async with serving("127.0.0.8", 7070):
            for name in ("cassandra", "cassandra.default", "cassandra.default.svc.cluster.local"):
                reply = await mesh.get(f"http://{name}:7070/")
                assert (reply.status, reply.text) == (200, f"127.0.0.8 {name}:7070"), reply
        assert asked == []

    scenario(body, monkeypatch)


# ---- outside of the mesh

ELSEWHERE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: ["{host}"]
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
  resolution: {resolution}
"""
STRICT = "\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"  # MeshConfig, in the file mesh.yaml


def elsewhere(host, port, resolution, *endpoints):
    text = ELSEWHERE.format(name=resolution.lower(), host=host, port=port, resolution=resolution)
    return text + "".join(f"  endpoints: [{{address: {each}}}]\n" for each in endpoints)


def test_what_the_mesh_does_not_know_is_reached_directly(run, tmp_path):
    async def scenario():
        async with Upstream(who).listening() as up, mesh_of(tmp_path, entry(up.port)) as mesh:
            for host in ("localhost", "127.0.0.1", "LOCALHOST"):
                reply = await mesh.get(f"http://{host}:{up.port}/")
                assert (reply.status, reply.text) == (200, f"127.0.0.1 {host}:{up.port}")
                assert reply.mesh.cluster == "PassthroughCluster"
            reply = await mesh.get(f"http://localhost:{up.port}/", headers={"host": "elsewhere.example"})
            assert reply.text == "127.0.0.1 elsewhere.example"

    run(scenario())


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "x" * 70 + ".example"])
def test_a_name_that_nobody_knows_is_a_failed_connection(host, run, tmp_path):
    async def scenario():
        async with mesh_of(tmp_path, entry(1)) as mesh:
            reply = await mesh.get(f"http://{host}:81/")
            assert (reply.status, reply.mesh.flags) == (503, ["UF"])
            assert "dns_resolution_failure" in reply.mesh.details

    run(scenario())


def test_registry_only_answers_502_as_envoys_black_hole_does(run, tmp_path):
    async def scenario():
        async with Upstream(who).listening() as up, mesh_of(tmp_path, entry(up.port), STRICT) as mesh:
            reply = await mesh.get("http://nobody.example/")
            assert (reply.status, reply.text, reply.mesh.route) == (502, "", "block_all")
            assert (await mesh.get("http://web/")).status == 200

    run(scenario())


@pytest.mark.parametrize(
    ("host", "url", "resolution", "endpoints"),
    [
        ("dns.example", "dns.example", "DNS", ["localhost"]),
        ("static.example", "static.example", "STATIC", ["127.0.0.1"]),
        ("localhost", "localhost", "DNS", []),
        ("localhost", "localhost", "NONE", []),
    ],
)
def test_a_service_entry_leads_where_its_resolution_says(host, url, resolution, endpoints, run, tmp_path):
    async def scenario():
        async with Upstream(who).listening() as up:
            async with mesh_of(tmp_path, elsewhere(host, up.port, resolution, *endpoints), STRICT) as mesh:
                reply = await mesh.get(f"http://{url}:{up.port}/")
                assert (reply.status, reply.text) == (200, f"127.0.0.1 {url}:{up.port}"), reply
                assert reply.mesh.cluster == f"outbound|{up.port}||{host}"

    run(scenario())


def test_a_wildcard_service_entry_takes_every_host_that_fits(run, tmp_path):
    async def scenario():
        async with Upstream(who).listening() as up:
            async with mesh_of(tmp_path, elsewhere("*.0.0.1", up.port, "NONE"), STRICT) as mesh:
                reply = await mesh.get(f"http://127.0.0.1:{up.port}/")
                assert (reply.status, reply.mesh.cluster) == (200, f"outbound|{up.port}||*.0.0.1"), reply

    run(scenario())


def test_a_bare_service_name_takes_the_services_only_port(run, tmp_path):
    async def scenario():
        async with Upstream(who).listening() as up:
            only = elsewhere("only.default.svc.cluster.local", 9080, "STATIC", f"127.0.0.1, ports: {{http: {up.port}}}")
            async with mesh_of(tmp_path, only, STRICT) as mesh:
                for name in ("only", "only.default", "only.default.svc.cluster.local"):
                    reply = await mesh.get(f"http://{name}/")
                    assert (reply.status, reply.text) == (200, f"127.0.0.1 {name}"), reply
                reply = await mesh.get("http://only:80/")  # a port that is named is meant, and nobody has it
                assert (reply.status, reply.mesh.cluster) == (503, "BlackHoleCluster")

    run(scenario())
