"""From an address to a connection: names, several addresses, TLS."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from meshio.balancing.round_robin import RoundRobin
from meshio.errors import ConnectFailed
from meshio.message import Request
from meshio.transport import dial
from meshio.upstream.cluster import ClientTls, Cluster, Eds

CERTS = Path(__file__).parent / "certs"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
ROOTS = f"file-root:{CERTS / 'ca.pem'}"


def test_the_first_address_that_answers_wins(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port:
            sock = await dial.connect([("127.0.0.2", 1), ("127.0.0.1", port), ("127.0.0.1", 1)])
            assert sock.getpeername() == ("127.0.0.1", port)
            sock.close()
            with pytest.raises(ConnectionRefusedError):
                await dial.connect([("127.0.0.1", 1), ("127.0.0.2", 1)])

    run(main)


def test_a_dead_address_costs_a_moment_not_the_connect_timeout(run, net, monkeypatch):
    monkeypatch.setattr(dial, "STAGGER", 0.01)
    real = dial.connect_one

    async def connect_one(address):
        if address[0] == "127.0.0.9":
            await asyncio.Event().wait()
        return await real(address)

    monkeypatch.setattr(dial, "connect_one", connect_one)

    async def main():
        async with net.listening(net.always(OK)) as port:
            sock = await asyncio.wait_for(dial.connect([("127.0.0.9", port), ("127.0.0.1", port)]), 1)
            sock.close()

    run(main)


def test_families_take_turns():
    assert dial.in_turn([("::1", 1), ("::2", 1), ("1.1.1.1", 1), ("2.2.2.2", 1), ("::3", 1)]) == [
        ("::1", 1), ("1.1.1.1", 1), ("::2", 1), ("2.2.2.2", 1), ("::3", 1),
    ]  # fmt: skip


def test_the_cluster_says_which_family_comes_first_and_how_many_of_it():
    v6, v4 = [("::1", 1), ("::2", 1), ("::3", 1)], [("1.1.1.1", 1), ("2.2.2.2", 1)]
    assert dial.in_turn([*v6, *v4], "v4") == [v4[0], v6[0], v4[1], v6[1], v6[2]]
    assert dial.in_turn([*v4, *v6], "v6", 2) == [v6[0], v6[1], v4[0], v6[2], v4[1]]
    assert dial.in_turn(v4, "v6") == v4
    assert dial.in_turn(v4[:1]) == v4[:1]


def test_a_unix_socket(run, net, tmp_path):
    async def main():
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            writer.close()

        path = str(tmp_path / "s")
        for place in (path, "@meshio-test"):
            server = await asyncio.start_unix_server(serve, place.replace("@", "\0"))
            async with server:
                sock = await dial.connect_one((place, 0))
                dial.tune(sock, Cluster("c", Eds("c"), RoundRobin()))
                sock.close()
        with pytest.raises(FileNotFoundError):
            await dial.connect_one((f"{path}-nobody", 0))

    run(main)


def test_a_host_name_is_resolved(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port, address="localhost") as site:
            assert (await site.get()).status == 200

    run(main)


def test_a_name_that_does_not_resolve_is_a_failure_to_connect(run, net, monkeypatch):
    async def main():
        async def getaddrinfo(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(dial, "resolve", getaddrinfo)
        async with net.visiting(1, address="no.such.host.invalid") as site:
            failure = await site.failure()
            assert type(failure) is ConnectFailed and "Name or service not known" in failure.failure

    run(main)


def test_keepalive_and_no_delay_are_set(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port, tcp_keepalive=(3, 60, 10)) as site:
            await site.get()
            (connection,) = site.host.pool.idle
            sock = connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60

    run(main)


class TlsServer:
    """Answers every request over TLS, and remembers which server names were asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERTS / "server.pem")
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.context.sni_callback = lambda _, name, __: self.names.append(name)

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def serve(self, reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
                writer.write(OK)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def __aexit__(self, *_):
        self.server.close()
        for _ in range(10):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("tls", "asked"),
    [
        (ClientTls(sni="site.test", roots=ROOTS), "site.test"),
        (ClientTls(sni="site.test", roots=ROOTS, auto_san=True), "site.test"),
        (ClientTls(sni="any.test", roots=ROOTS, subject_names=("x.test", "site.test")), "any.test"),
        (ClientTls(sni="any.test", roots=ROOTS, subject_names=("a.wild.test",)), "any.test"),
        (ClientTls(roots=ROOTS, subject_names=("spiffe://cluster.local/ns/default/sa/site",)), None),
        (ClientTls(sni="without.verification"), "without.verification"),
        (ClientTls(roots=ROOTS, auto_sni=True), "site"),
    ],
)
def test_tls_origination(run, net, tls, asked):
    async def main():
        async with TlsServer() as server, net.visiting(server.port, tls=tls) as site:
            for _ in range(2):
                assert await (await site.get()).body.read() == b"hi"
            assert server.names == [asked] and site.counts == (1, 1, 1)

    run(main)


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (ClientTls(sni="site.test", roots="file-root:system"), "CERTIFICATE_VERIFY_FAILED"),
        (ClientTls(sni="other.test", roots=ROOTS, auto_san=True), "CERTIFICATE_VERIFY_FAILED"),
        (ClientTls(sni="site.test", roots=ROOTS, subject_names=("other.test", "b.a.wild.test")), "no matching SAN"),
        (ClientTls(sni="site.test", roots="file-root:/no/such/file"), "no usable CA file"),
        (ClientTls(sni="site.test", roots="ROOTCA"), "not supported"),
        (ClientTls(sni="site.test", certificate="default", roots="ROOTCA"), "not supported"),
    ],
)
def test_tls_that_cannot_be_had_is_never_replaced_by_less(run, net, tls, words):
    async def main():
        async with TlsServer() as server, net.visiting(server.port, tls=tls) as site:
            failure = await site.failure()
            assert type(failure) is ConnectFailed and words in failure.failure
            await site.settled(0, 0, 0)
            assert site.upstream.connections == 0

    run(main)


@pytest.mark.parametrize(("minimum", "maximum"), [("TLSv1.3", ""), ("", "TLSv1.2"), ("TLSv1.3", "TLSv1.3")])
def test_a_peer_that_speaks_another_tls_version_gets_no_request(run, net, minimum, maximum):
    spoken = ssl.TLSVersion.TLSv1_2 if minimum else ssl.TLSVersion.TLSv1_3

    async def main():
        server = TlsServer()
        server.context.minimum_version = server.context.maximum_version = spoken
        tls = ClientTls(sni="site.test", roots=ROOTS, minimum=minimum, maximum=maximum)
        async with server, net.visiting(server.port, tls=tls) as site:
            assert type(await site.failure()) is ConnectFailed
            assert site.upstream.connections == 0

    run(main)


def test_tls_towards_a_peer_without_tls_fails_in_words(run, net):
    async def main():
        async with net.listening(net.answers(OK)) as port:
            async with net.visiting(port, tls=ClientTls(sni="a"), connect_timeout=1.0) as site:
                failure = await site.failure()
                assert isinstance(failure, ConnectFailed)

    run(main)


def test_an_https_url_gets_its_own_tls_for_each_name(run, net, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTS / "ca.pem"))

    async def main():
        async with TlsServer() as server, net.visiting(server.port) as site:
            for name in ("site.test", "a.wild.test", "site.test"):
                request = Request(b"GET", name.encode(), b"/", [], scheme=b"https", host=name, port=server.port)
                assert (await site.send(request)).status == 200
            assert server.names == ["site.test", "a.wild.test"] and site.counts == (2, 2, 2)
            request = Request(b"GET", b"evil.test", b"/", [], scheme=b"https", host="evil.test", port=server.port)
            with pytest.raises(ConnectFailed, match="certificate"):
                await site.send(request)
            site.pools.drain([site.host])
            await site.settled(0, 0, 2)

    run(main)


def test_tls_inside_of_the_meshs_tls_is_refused(run, net):
    async def main():
        async with net.visiting(1, tls=ClientTls(sni="a")) as site:
            with pytest.raises(ConnectFailed, match="use http://"):
                await site.send(Request(b"GET", b"a", b"/", [], scheme=b"https", host="a"))

    run(main)
