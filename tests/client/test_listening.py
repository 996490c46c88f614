"""Hosts tell their load on streams of their own: real gRPC servers, and the weights that come of it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

import pytest
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server

from meshio.balancing.client_weights import ClientWeights
from meshio.balancing.round_robin import RoundRobin
from meshio.client import hearing
from meshio.client.asking_grpc import Octets
from meshio.client.hearing import METHOD, asked_for
from meshio.client.listening import Listener
from meshio.transport.pool import Pools
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

WEIGHED = ClientWeights(blackout=0.0, apart=0.05)


def report(requests: float, utilization: float = 0.5) -> bytes:
    """An OrcaLoadReport: rps_fractional and application_utilization."""
    return b"\x31" + struct.pack("<d", requests) + b"\x49" + struct.pack("<d", utilization)


@dataclass
class Reporting:
    """What a host says, once for each question; then the stream stays open, or ends as `after` says."""

    answers: list[bytes]
    after: Status | None = None
    asked: list[bytes] = field(default_factory=list)
    open: int = 0

    async def stream(self, call) -> None:
        question = await call.recv_message()
        self.asked.append(question)
        self.open += 1
        try:
            for each in self.answers:
                await call.send_message(each)
            if self.after is None:
                await asyncio.Event().wait()
            elif self.after is not Status.OK:
                raise GRPCError(self.after)
        finally:
            self.open -= 1

    def __mapping__(self):
        return {METHOD: Handler(self.stream, Cardinality.UNARY_STREAM, bytes, bytes)}


@asynccontextmanager
async def listened(*hosts: Reporting, policy: object = WEIGHED) -> AsyncIterator[tuple[Upstream, Listener]]:
    servers = [Server([host], codec=Octets()) for host in hosts]
    for server in servers:
        await server.start("127.0.0.1", 0)
    ports = [server._server.sockets[0].getsockname()[1] for server in servers]
    upstream, pools = Upstream(), Pools()
    upstream.update(Cluster("c", Eds("c"), policy), assigned(*ports))
    listener = Listener(pools)
    listener.follow([upstream])
    try:
        yield upstream, listener
    finally:
        await listener.aclose()
        await pools.aclose()
        for server in servers:
            server.close()
            await server.wait_closed()


def assigned(*ports: int) -> LoadAssignment:
    return LoadAssignment("c", (LocalityEndpoints(tuple(Endpoint(("127.0.0.1", port)) for port in ports)),))


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def run(scenario) -> None:
    async def main() -> None:
        await scenario()
        await asyncio.sleep(0.02)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(debug=True) as runner:
        runner.run(main())


def heard(upstream: Upstream) -> int:
    assert upstream.reports is not None
    return len(upstream.reports._ratings)


def test_hosts_have_the_weights_that_they_report():
    async def scenario():
        one, other = Reporting([b"", report(50)]), Reporting([report(150)])
        async with listened(one, other) as (upstream, _):
            await until(lambda: heard(upstream) == 2)
            upstream.reports.sweep(monotonic())
            assert [host.rated for host in upstream.hosts.values()] == [100, 300]
        assert one.asked[0] == b"\x0a\x05\x10\x80\xe1\xeb\x17"  # 50 ms
        assert one.open == 0

    run(scenario)


@pytest.mark.parametrize("broken", [[b"\x31"], [b"\x31" + bytes(8) + bytes(65536)], []], ids=["wrong", "large", "none"])
def test_a_stream_that_breaks_off_is_opened_again(monkeypatch, broken):
    monkeypatch.setattr(hearing, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(hearing, "LONGEST_PAUSE", 0.02)

    async def scenario():
        host = Reporting(broken, after=None if broken else Status.INTERNAL)
        async with listened(host) as (upstream, _):
            await until(lambda: len(host.asked) >= 2)
            assert heard(upstream) == 0

    run(scenario)


def test_a_host_that_is_silent_for_three_periods_is_asked_again(monkeypatch):
    monkeypatch.setattr(hearing, "FIRST_PAUSE", 0.001)

    async def scenario():
        host = Reporting([report(1)])
        async with listened(host):
            await until(lambda: len(host.asked) >= 2)
            await until(lambda: host.open == 1)

    run(scenario)


def test_a_host_that_does_not_know_what_reports_are_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(hearing, "FIRST_PAUSE", 0.001)

    async def scenario():
        host = Reporting([], after=Status.UNIMPLEMENTED)
        async with listened(host) as (upstream, listener):
            await until(lambda: bool(host.asked))
            await asyncio.gather(*(stream.task for stream in listener._streams.values()))
            assert len(host.asked) == 1
            listener.follow([upstream])
            assert len(host.asked) == 1

    run(scenario)


def test_who_has_left_is_not_listened_to():
    async def scenario():
        one, other = Reporting([report(1)]), Reporting([report(2)])
        async with listened(one, other) as (upstream, listener):
            await until(lambda: (one.open, other.open) == (1, 1))
            first = next(iter(upstream.hosts.values())).endpoint.address[1]
            upstream.update(upstream.cluster, assigned(first))
            listener.follow([upstream])
            await until(lambda: (one.open, other.open) == (1, 0))
            upstream.update(Cluster("c", Eds("c"), RoundRobin()), assigned(first))
            listener.follow([upstream])
            await until(lambda: one.open == 0)

    run(scenario)


@pytest.mark.parametrize("policy", [RoundRobin(), ClientWeights()], ids=["no reports", "reports with responses"])
def test_nobody_is_asked_where_nobody_wants_it(policy):
    async def scenario():
        host = Reporting([report(1)])
        async with listened(host, policy=policy) as (_, listener):
            assert not listener._streams

    run(scenario)


def test_a_period_is_written_as_envoy_writes_it():
    assert asked_for(10.0) == b"\x0a\x02\x08\x0a"
    assert asked_for(0.1) == b"\x0a\x05\x10\x80\xc2\xd7\x2f"
    assert asked_for(1.5) == b"\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01"
