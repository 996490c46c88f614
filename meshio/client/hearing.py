"""A host that says on a stream of its own how much load it has (gRFC A51: out-of-band ORCA reports), over grpclib.

Envoy: load_balancing_policies/common/orca_oob_manager.cc. What the reports are worth is `balancing/client_weights.py`'s
to say.
"""

import asyncio
from random import random
from time import monotonic

import h2.exceptions
from grpclib.client import Channel
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from meshio.balancing.load_report import LoadReport, from_binary
from meshio.balancing.wire import varint
from meshio.client.asking_grpc import channel_to
from meshio.errors import ConnectFailed
from meshio.message import Request
from meshio.resilience.back_off import jittered
from meshio.transport.pool import Pools
from meshio.upstream.endpoint import is_path
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

METHOD = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds until a stream that broke off is opened again
PATIENCE = 3  # periods without a report, after which a stream counts as broken off
LARGEST = 64 * 1024  # bytes of one report
BROKEN = (OSError, StreamTerminatedError, ProtocolError, h2.exceptions.H2Error, ConnectFailed, ValueError)


class Stream:
    """The reports of one host: asked for again whenever they break off, unless the host does not know what they are."""

    def __init__(self, upstream: Upstream, host: Host, period: float, pools: Pools) -> None:
        self.upstream, self.host, self.period = upstream, host, period
        self._pools = pools
        self._failures = 0
        self.task = asyncio.create_task(self._run(), name=f"load reports of {host.name}")

    async def _run(self) -> None:
        await asyncio.sleep(random() * self.period)
        while await self._listen():
            self._failures += 1
            await asyncio.sleep(jittered(FIRST_PAUSE, LONGEST_PAUSE, self._failures))

    async def _listen(self) -> bool:
        """Until the stream ends; whether to open it again."""
        channel: Channel | None = None
        try:
            channel = self._channel()
            await self._hear(channel)
        except GRPCError as error:
            return error.status is not Status.UNIMPLEMENTED
        except (TimeoutError, *BROKEN):
            return True
        finally:
            if channel is not None:
                channel.close()
        return True

    async def _hear(self, channel: Channel) -> None:
        """Raises GRPCError, TimeoutError, and what is BROKEN."""
        patience = self.period * PATIENCE
        async with channel.request(METHOD, Cardinality.UNARY_STREAM, bytes, bytes) as call:
            async with asyncio.timeout(patience):
                await call.send_message(asked_for(self.period), end=True)
            while True:
                async with asyncio.timeout(patience):
                    message = await call.recv_message()
                if message is None:
                    return
                self._take(message)

    def _take(self, message: bytes) -> None:
        """Raises ValueError for what is no report."""
        if len(message) > LARGEST:
            raise ValueError("a report is larger than Envoy takes")
        report: LoadReport = from_binary(message)
        self._failures = 0
        if self.upstream.reports is not None:
            self.upstream.reports.hear(self.host, report, monotonic())

    def _channel(self) -> Channel:
        """Raises ConnectFailed for TLS that cannot be done."""
        endpoint = self.host.endpoint
        authority = endpoint.hostname or (self.upstream.name if is_path(endpoint.address[0]) else self.host.name)
        security = self._pools.security(self.host, Request(b"POST", authority.encode(), METHOD.encode(), []))
        return channel_to(endpoint.address, authority, security)


def asked_for(period: float) -> bytes:
    """An OrcaLoadReportRequest: its first field is a Duration of seconds and nanoseconds."""
    whole, rest = divmod(int(period * 1000), 1000)
    told = (b"\x08" + varint(whole) if whole else b"") + (b"\x10" + varint(rest * 1_000_000) if rest else b"")
    return b"\x0a" + varint(len(told)) + told
