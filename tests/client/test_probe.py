"""Hosts are asked whether they are well: over HTTP, TCP and gRPC, by peers that are really there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server

from meshio.balancing.round_robin import RoundRobin
from meshio.client.asking_grpc import Octets, written
from meshio.client.probe import Prober, first_checks
from meshio.transport.pool import Pools
from meshio.upstream.cluster import Cluster, Static
from meshio.upstream.endpoint import CheckedAt, Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.health_check import GrpcProbe, HealthCheck, HttpProbe, Probe, TcpProbe
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
ILL = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"


def check_by(probe: Probe, **more: object) -> HealthCheck:
    check = HealthCheck(probe, 0.5, 0.01, 1, 1, 0.01, 0.01, 0.01, 0.01, 0.01)
    return replace(check, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def peer(*answers: bytes | None) -> AsyncIterator[tuple[int, list[bytes], list[int]]]:
    """A server that gives these answers in turn, the last one again and again; None closes. Port, questions, opened."""
    seen: list[bytes] = []
    opened: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        while data := await reader.read(4096):
            seen.append(data)
            answer = answers[min(len(seen), len(answers)) - 1]
            if answer is None:
                break
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen, opened


def upstream_at(port: int, check: HealthCheck, where: CheckedAt | None = None) -> Upstream:
    endpoint = Endpoint(("127.0.0.1", port), check=where or CheckedAt())
    assignment = LoadAssignment("c", (LocalityEndpoints((endpoint,)),))
    upstream = Upstream()
    upstream.update(Cluster("c", Static(assignment), RoundRobin(), health_check=check, panic_threshold=0.0), assignment)
    return upstream


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()
        await asyncio.sleep(0.02)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main(), debug=True)


@asynccontextmanager
async def checking(upstream: Upstream) -> AsyncIterator[list[tuple[str, bool]]]:
    """Checks go on; gives what was told of them."""
    told: list[tuple[str, bool]] = []
    pools = Pools()

    def examined(upstream: Upstream, host: Host) -> None:
        upstream.examined(host)
        assert host.checkup is not None
        told.append((host.name, host.checkup.failed))

    prober = Prober(pools, examined)
    try:
        await first_checks(prober.follow([upstream]), 2.0)
        yield told
    finally:
        await prober.aclose()
        await pools.aclose()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_a_host_is_ill_until_it_has_passed_and_again_when_it_fails():
    async def scenario():
        async with peer(OK, OK, ILL, ILL, OK) as (port, seen, opened):
            upstream = upstream_at(port, check_by(HttpProbe("/health")))
            assert not upstream.serving
            async with checking(upstream) as told:
                assert upstream.serving
                await until(lambda: len(told) == 3)
            assert [failed for _, failed in told] == [False, True, False]
            assert seen[0].startswith(b"GET /health HTTP/1.1\r\n")
            assert b"user-agent: Envoy/HC\r\n" in seen[0]
            assert len(opened) == 1

    run(scenario)


def test_a_connection_for_each_check_where_that_is_wanted():
    async def scenario():
        async with peer(OK) as (port, seen, opened):
            async with checking(upstream_at(port, check_by(HttpProbe("/"), reuse=False))):
                await until(lambda: len(seen) >= 3)
            assert len(opened) >= 3

    run(scenario)


def test_who_does_not_listen_or_answer_is_ill():
    async def scenario():
        async with peer(b"") as (port, _, _):
            for number in (port, 1):
                upstream = upstream_at(number, check_by(HttpProbe("/"), timeout=0.05))
                async with checking(upstream):
                    ((_, words),) = upstream.candidates()
                    assert not upstream.serving
                    assert words == "its health check did not " + ("answer in time" if number == port else "pass")

    run(scenario)


def test_checks_have_an_address_of_their_own_or_are_left_out():
    async def scenario():
        async with peer(OK) as (port, _, _):
            for where in (CheckedAt(port=port), CheckedAt(address=("127.0.0.1", port)), CheckedAt(disabled=True)):
                upstream = upstream_at(1, check_by(HttpProbe("/")), where)
                async with checking(upstream):
                    assert upstream.serving

    run(scenario)


@pytest.mark.parametrize(
    ("probe", "answers", "serving"),
    [
        (TcpProbe(), (b"",), True),
        (TcpProbe(b"ping", (b"po", b"ng")), (b"x po  ng",), True),
        (TcpProbe(b"ping", (b"ng", b"po")), (b"x po  ng",), False),
        (TcpProbe(b"ping", (b"pong",)), (None,), False),
    ],
)
def test_over_tcp(probe, answers, serving):
    async def scenario():
        async with peer(*answers) as (port, seen, _):
            upstream = upstream_at(port, check_by(probe, timeout=0.1))
            async with checking(upstream):
                assert upstream.serving is serving
            assert seen[:1] == ([b"ping"] if probe.send else [])

    run(scenario)


def test_a_kept_tcp_connection_that_ends_is_a_failure_at_once():
    async def scenario():
        async with peer(b"pong", None) as (port, _, _):
            upstream = upstream_at(port, check_by(TcpProbe(b"ping", (b"pong",))))
            async with checking(upstream) as told:
                await until(lambda: len(told) >= 2)
                assert [failed for _, failed in told][:2] == [False, True]

    run(scenario)


class Health:
    """A gRPC server's health, by service."""

    def __init__(self, **services: bytes) -> None:
        self.services = services
        self.metadata: list[dict[str, str]] = []

    async def check(self, stream) -> None:
        question = await stream.recv_message()
        self.metadata.append(dict(stream.metadata))
        answer = self.services.get(question[2:].decode() or "all")
        if answer is None:
            raise GRPCError(Status.NOT_FOUND)
        await stream.send_message(answer)

    def __mapping__(self):
        return {"/grpc.health.v1.Health/Check": Handler(self.check, Cardinality.UNARY_UNARY, bytes, bytes)}


@pytest.mark.parametrize(("service", "serving"), [("", True), ("a", True), ("b", False), ("unknown", False)])
def test_over_grpc(service, serving):
    async def scenario():
        health = Health(all=b"\x08\x01", a=b"\x08\x01", b=b"\x08\x02")
        server = Server([health], codec=Octets())
        await server.start("127.0.0.1", 0)
        port = server._server.sockets[0].getsockname()[1]
        upstream = upstream_at(port, check_by(GrpcProbe(service, "me", (("x", "1"),))))
        async with checking(upstream):
            assert upstream.serving is serving
            await until(lambda: len(health.metadata) >= 2)
        assert health.metadata[0]["x"] == "1"
        server.close()
        await server.wait_closed()
        upstream = upstream_at(port, check_by(GrpcProbe()))
        async with checking(upstream):
            assert not upstream.serving

    run(scenario)


def test_the_question_over_grpc_is_a_message():
    assert written("") == b""
    assert written("ab") == b"\x0a\x02ab"
    assert written("x" * 300)[:3] == b"\x0a\xac\x02"


def test_sessions_follow_the_hosts():
    async def scenario():
        async with peer(OK) as (port, _, _):
            upstream, pools = upstream_at(port, check_by(HttpProbe("/"))), Pools()
            prober = Prober(pools, lambda upstream, host: None)
            assert len(prober.follow([upstream])) == 1
            assert prober.follow([upstream]) == []
            assert prober.follow([]) == []
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) <= 2
            await prober.aclose()
            await pools.aclose()

    run(scenario)
