"""One ADS stream over grpclib: bytes in, bytes out, and every way it can end told as `StreamEnded`.

It knows nothing of xDS but the two method names. grpclib's codec is passed over: replies are read from the wire
(`envelope.py`), and only once the one before was processed, so that HTTP/2 flow control holds back a control plane
that is faster than we are.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h2.exceptions
from grpclib.client import Channel
from grpclib.client import Stream as GrpcStream
from grpclib.config import Configuration
from grpclib.const import Cardinality, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from meshio.errors import MeshError
from meshio.xds.bootstrap import Server, Tls

SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
WHOLE = SERVICE + "StreamAggregatedResources"
INCREMENTAL = SERVICE + "DeltaAggregatedResources"

CONNECT_TIMEOUT = 10.0
UNTYPED = "Missing content-type header"  # what grpclib makes of its own server's UNIMPLEMENTED
WINDOW = 16 * 2**20  # bytes in flight: a full state of a large mesh (2.5 MB for 2,000 clusters) in one go
QUIET = 310.0  # seconds without traffic before a ping; Go servers refuse more than one in five minutes


class StreamEnded(MeshError):
    """The stream is over; the text says why. `unimplemented`: the server does not know this method."""

    def __init__(self, reason: str, *, unimplemented: bool = False, orderly: bool = False) -> None:
        super().__init__(reason)
        self.unimplemented = unimplemented
        self.orderly = orderly


class Octets(CodecBase):
    """Messages are bytes on both sides."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        return data


class Stream:
    """An open stream. Both methods raise StreamEnded."""

    def __init__(self, stream: "GrpcStream[bytes, bytes]") -> None:
        self._stream = stream

    async def send(self, message: bytes) -> None:
        await self._stream.send_message(message)

    async def receive(self) -> bytes:
        """The next message, once it is there as a whole."""
        try:
            message = await self._stream.recv_message()
        except AssertionError as error:  # grpclib's word for a stream that ends within a message
            raise StreamTerminatedError("the stream ended within a message") from error
        if message is None:
            raise StreamTerminatedError("the server ended the stream")
        return message


@asynccontextmanager
async def opened(server: Server, method: str, metadata: dict[str, str]) -> AsyncIterator[Stream]:
    """Connect and open a stream; at the end, nothing of it is left. Raises StreamEnded for whatever goes wrong."""
    channel = None
    try:
        channel = channel_to(server)
        call = channel.request(method, Cardinality.STREAM_STREAM, bytes, bytes, metadata={**metadata, **token(server)})
        async with call as stream:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await stream.send_request()
            yield Stream(stream)
            await stream.cancel()
    except TimeoutError as error:
        raise StreamEnded(f"no connection within {CONNECT_TIMEOUT:g} s") from error
    except GRPCError as error:
        raise ended_with(error) from error
    except StreamTerminatedError as error:
        raise StreamEnded(str(error), orderly=True) from error
    except (OSError, ProtocolError, h2.exceptions.H2Error, NotImplementedError) as error:
        raise StreamEnded(str(error) or type(error).__name__) from error
    finally:
        if channel:
            channel.close()
            await asyncio.sleep(0)  # the socket closes in the loop's next round


def channel_to(server: Server) -> Channel:
    config = Configuration(
        http2_connection_window_size=WINDOW,
        http2_stream_window_size=WINDOW,
        ssl_target_name_override=server.tls.server_name or None if server.tls else None,
        _keepalive_time=QUIET,
        _http2_max_pings_without_data=0,
    )
    if server.path:
        return Channel(path=server.path, codec=Octets(), config=config)
    return Channel(server.host, server.port, codec=Octets(), config=config, ssl=tls_context(server.tls))


def tls_context(tls: Tls | None) -> ssl.SSLContext | None:
    """Trust exactly the roots that Istio mounts. We show a token, not a certificate."""
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=tls.roots)
    context.set_alpn_protocols(["h2"])
    return context


def token(server: Server) -> dict[str, str]:
    """Kubernetes renews the token in place, so each stream reads it anew."""
    if server.tls is None:
        return {}
    text = Path(server.tls.token).read_text("latin-1").strip()
    if not is_sendable(text):
        raise StreamEnded(f"{server.tls.token} holds no token")
    return {"authorization": f"Bearer {text}"}


def is_sendable(text: str) -> bool:
    """As the value of a header."""
    return text.isascii() and text.isprintable() and bool(text)


def ended_with(error: GRPCError) -> StreamEnded:
    """What the server said. It closes streams every half an hour, with OK or UNAVAILABLE."""
    status, message = error.status, error.message
    return StreamEnded(
        f"{status.name}: {message}" if message else status.name,
        unimplemented=status is Status.UNIMPLEMENTED or message == UNTYPED,
        orderly=status in (Status.OK, Status.UNAVAILABLE, Status.CANCELLED),
    )
