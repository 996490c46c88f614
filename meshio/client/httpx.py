"""`MeshTransport`: httpx over the mesh. It does not go through httpcore.

Everything of httpx's that sits above a transport works as ever: auth, redirects, cookies, event hooks,
streaming, decoding. A proxy configured in httpx replaces the transport and so never gets here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from operator import itemgetter
from typing import NoReturn, Protocol

import httpx

from meshio.client.notes import take_notes
from meshio.client.patience import Patience, Wait
from meshio.errors import (
    BadRequest,
    Closed,
    ConnectFailed,
    ConnectTimedOut,
    NoCluster,
    NoHealthyHost,
    NoRoute,
    Overloaded,
    ProtocolBroken,
    RequestError,
    Reset,
    TimedOut,
)
from meshio.memo import LONGEST, PASSING, Memo
from meshio.message import DEFAULT_PORTS, Body, Content, Header, Notes, Request, Response

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
SYNC = "MeshTransport is asynchronous: use it with httpx.AsyncClient"

# What httpx raises for what the mesh raises; the first row that fits counts.
ERRORS: tuple[tuple[type[RequestError], type[httpx.TransportError]], ...] = (
    (TimedOut, httpx.ReadTimeout),
    (ConnectTimedOut, httpx.ConnectTimeout),
    (ConnectFailed, httpx.ConnectError),
    (Overloaded, httpx.PoolTimeout),
    (ProtocolBroken, httpx.RemoteProtocolError),
    (Reset, httpx.ReadError),
    (NoRoute, httpx.ConnectError),
    (NoCluster, httpx.ConnectError),
    (NoHealthyHost, httpx.ConnectError),
    (RequestError, httpx.NetworkError),
)
TIMEOUTS: dict[str, type[httpx.TimeoutException]] = {
    "connect": httpx.ConnectTimeout,
    "pool": httpx.PoolTimeout,
    "read": httpx.ReadTimeout,
    "write": httpx.WriteTimeout,
}


class Mesh(Protocol):
    """What is asked of a mesh: `send` answers failures as Envoy would, `dispatch` raises them."""

    async def send(self, request: Request) -> Response: ...

    async def dispatch(self, request: Request) -> Response: ...


class MeshTransport(httpx.AsyncBaseTransport):
    """`httpx.AsyncClient(transport=MeshTransport(mesh))`.

    Answers that Envoy would give itself (no route, no healthy host, timeout...) are responses;
    `response.extensions["mesh"]` is the Record that says why. With `raise_errors` they raise
    httpx.ConnectError and its kin instead. The client's timeouts hold, at most a tenth of a second late. What routes
    may ask beside the request is in its `extensions={"mesh": {"metadata": {...}, "filter_state": {...}}}`.
    """

    def __init__(self, mesh: Mesh, *, raise_errors: bool = False) -> None:
        self._send = mesh.dispatch if raise_errors else mesh.send
        self._patience = Patience()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request. Raises httpx's errors: UnsupportedProtocol, LocalProtocolError, timeouts, see ERRORS."""
        asked = convert(request)
        limits = request.extensions.get("timeout")
        wait = Wait(asked, limits) if limits else None
        if wait is not None:
            self._patience.begin(wait)
        try:
            response = await self._send(asked)
        except asyncio.CancelledError:
            if wait is not None and wait.cancelled_by_us():
                raise TIMEOUTS[wait.expired](f"the {wait.expired} timeout ran out", request=request) from None
            raise
        except (RequestError, BadRequest, Closed) as error:
            translate(error)
        finally:
            if wait is not None:
                self._patience.end(wait)
        headers = response.headers
        reply = httpx.Response(
            response.status,
            headers=headers,
            stream=self._stream(response.body, asked, limits or {}),
            extensions={
                "mesh": response.record,
                "http_version": b"HTTP/1.1",
                "reason_phrase": REASONS.get(response.status, b""),
            },
        )
        if all(map(bytes.isascii, map(VALUE, headers))):
            reply.headers.encoding = "ascii"  # it would find that out by decoding every one of them, in Python
        return reply

    def _stream(self, body: Body, asked: Request, limits: Mapping[str, float | None]) -> httpx.AsyncByteStream:
        if body.complete and type(body) is Body:
            return httpx.ByteStream(body.data)
        return MeshStream(body, asked, limits, self._patience)

    async def aclose(self) -> None:
        """The mesh is not the transport's: it stays open."""
        self._patience.close()

    def __enter__(self) -> NoReturn:
        raise RuntimeError(SYNC)

    def __exit__(self, *_: object) -> None:
        """Never reached."""

    def handle_request(self, request: httpx.Request) -> NoReturn:
        """What httpx.Client would call."""
        raise RuntimeError(SYNC)


class MeshStream(httpx.AsyncByteStream):
    """A response body that still arrives."""

    def __init__(self, body: Body, asked: Request, limits: Mapping[str, float | None], patience: Patience) -> None:
        self._body = body
        self._asked = asked
        self._limits = limits
        self._patience = patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises httpx.ReadTimeout, ReadError and RemoteProtocolError."""
        patience, wait = self._patience, Wait(self._asked, self._limits, self._body)
        patience.begin(wait)
        try:
            async for chunk in self._body:
                patience.end(wait)
                yield chunk
                patience.begin(wait)
        except RequestError as error:
            translate(error)
        finally:
            patience.end(wait)

    async def aclose(self) -> None:
        await self._body.aclose()


class Lowered(Memo[Header, Header]):
    """A header of httpx's as the mesh has it."""

    def __missing__(self, header: Header) -> Header:
        name = header[0].lower()
        own = name, header[1]
        return self.keep(header, own) if name not in PASSING and len(own[1]) <= LONGEST else own


lowered, NAME, VALUE = Lowered().__getitem__, itemgetter(0), itemgetter(1)


def convert(request: httpx.Request) -> Request:
    """References only: nothing is parsed again. A Host header of the caller's is the authority."""
    url = request.url
    scheme, host = url.raw_scheme, url.raw_host
    if scheme not in (b"http", b"https") or not host:
        raise httpx.UnsupportedProtocol(f"the mesh cannot send to {str(url)!r}: it takes http:// and https:// URLs")
    authority, headers = host, list(map(lowered, request.headers.raw))
    names = list(map(NAME, headers))
    for _ in range(names.count(b"host")):  # the last one counts
        at = names.index(b"host")
        del names[at]
        authority = headers.pop(at)[1]
    asked = Request(request.method.encode("ascii"), authority, url.raw_path, headers, content(request))
    asked.host = host.decode("ascii")
    if scheme == b"https":
        asked.scheme, asked.port = scheme, DEFAULT_PORTS[scheme]
    if port := url.port:
        asked.port, asked.port_given = port, True
    if "mesh" in request.extensions:
        asked.notes = notes(request)
    return asked


def notes(request: httpx.Request) -> Notes:
    """What the caller says for the mesh alone."""
    try:
        return take_notes(**request.extensions["mesh"])
    except BadRequest as error:
        translate(error)


def content(request: httpx.Request) -> Content:
    """Bytes that are at hand, else the stream."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
        return b"".join(stream)
    if not isinstance(stream, httpx.AsyncByteStream):
        raise RuntimeError("Attempted to send a sync request with an AsyncClient instance.")
    return stream


def translate(error: RequestError | BadRequest | Closed) -> NoReturn:
    """Our error as httpx's."""
    if isinstance(error, BadRequest):
        raise httpx.LocalProtocolError(str(error)) from error
    if isinstance(error, Closed):
        raise RuntimeError("Cannot send a request, as the mesh is not running (or not any more).") from error
    for ours, theirs in ERRORS:
        if isinstance(error, ours):
            raise theirs(str(error)) from error
    raise error
