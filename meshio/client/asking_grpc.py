"""grpc.health.v1.Health/Check, over grpclib. Its two messages have one field each: they are written by hand."""

import asyncio
from contextlib import suppress

import h2.exceptions
from grpclib.client import Channel
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from meshio.client.asking import SILENT, WELL, Finding, Line
from meshio.errors import ConnectFailed
from meshio.message import Request
from meshio.transport.pool import Pools
from meshio.transport.tls import Security
from meshio.upstream.endpoint import Address, is_path
from meshio.upstream.health_check import GrpcProbe, HealthCheck
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream
from meshio.xds.stream import Octets

METHOD = "/grpc.health.v1.Health/Check"
SERVICE = 10  # the key of field 1, a string
SERVING = b"\x08\x01"  # field 1, the enum's value 1
ILL = Finding("answer")


class GrpcAsker:
    """One call after the other."""

    def __init__(self, upstream: Upstream, host: Host, check: HealthCheck, pools: Pools, probe: GrpcProbe) -> None:
        self._line = Line(upstream, host, check, pools)
        self._probe = probe
        self._channel: Channel | None = None

    async def ask(self) -> Finding:
        question = written(self._probe.service)
        try:
            call = self._connected().request(
                METHOD,
                Cardinality.UNARY_UNARY,
                bytes,
                bytes,
                timeout=self._line.check.timeout,
                metadata=list(self._probe.metadata),
            )
            async with call as stream:
                await stream.send_message(question, end=True)
                answer = await stream.recv_message()
                await stream.recv_trailing_metadata()
        except GRPCError:
            return self._ended(ILL)
        except (OSError, StreamTerminatedError, ProtocolError, h2.exceptions.H2Error, ConnectFailed):
            self.close()
            return SILENT
        return self._ended(WELL if answer == SERVING else ILL)

    def _ended(self, finding: Finding) -> Finding:
        if not self._line.check.reuse:
            self.close()
        return finding

    def _connected(self) -> Channel:
        """Raises ConnectFailed for TLS that cannot be done."""
        if self._channel is None:
            authority = self._line.authority(self._probe.authority)
            security = self._line.target(Request(b"POST", authority.encode(), METHOD.encode(), [])).security
            self._channel = channel_to(self._line.addresses[0], authority, security)
        return self._channel

    async def rest(self, seconds: float) -> Finding | None:
        await asyncio.sleep(seconds)
        return None

    def close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            with suppress(RuntimeError):  # the loop is closing
                channel.close()


def channel_to(address: Address, authority: str, security: Security | None) -> Channel:
    """For calls of bytes."""
    host, port = address
    context = security.context if security is not None else None
    if is_path(host):
        channel = Channel(path=host, codec=Octets(), ssl=context)
    else:
        channel = Channel(host, port, codec=Octets(), ssl=context)
    channel._authority = authority  # grpclib has no other way to say it
    return channel


def written(service: str) -> bytes:
    """A HealthCheckRequest."""
    name = service.encode()
    return bytes([SERVICE]) + varint(len(name)) + name if name else b""


def varint(number: int) -> bytes:
    """An unsigned integer, seven bits a byte."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
