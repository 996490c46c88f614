"""One request of aiohttp's as the mesh sees it, and what the mesh makes of it as aiohttp sends it."""

from __future__ import annotations

from ssl import SSLContext
from typing import TYPE_CHECKING

from aiohttp import ClientRequest, ClientTimeout, hdrs
from aiohttp.payload import BytesPayload
from multidict import CIMultiDict
from yarl import URL

from meshio.errors import BadRequest
from meshio.memo import LONGEST, PASSING, Memo, Short
from meshio.message import Content, Header, Headers, Private, Request, Response
from meshio.resilience.replay import Replay

if TYPE_CHECKING:
    from meshio.client.wire import Wire


class Exchange(Request):
    """A request, made of references to aiohttp's. Raises BadRequest for what a mesh cannot do.

    asked      aiohttp's request
    context    the TLS context that the caller brings for an https URL, or None
    traces     who wants to hear about connections
    """

    __slots__ = ("_shown", "_timeout", "asked", "context", "traces")

    def __init__(self, asked: ClientRequest, timeout: ClientTimeout) -> None:
        url, secure = asked.url, asked.is_ssl()
        check(asked, secure)
        authority, headers = split_headers(asked)
        super().__init__(
            asked.method.encode(),
            authority,
            url.raw_path_qs.encode(),
            headers,
            content(asked),
            scheme=b"https" if secure else b"http",
            host=url.raw_host or "",
            port=url.explicit_port or 0,
        )
        self.asked = asked
        self.traces = asked._traces
        self.context = asked.ssl if secure and isinstance(asked.ssl, SSLContext) else None
        self._timeout = timeout
        self._shown = (self.path, authority, headers)

    @property
    def patience(self) -> float | None:
        """Seconds that the caller waits for a connection, or None."""
        return min((each for each in (self._timeout.connect, self._timeout.sock_connect) if each), default=None)

    async def over(self, wire: Wire) -> Response:
        """Send it over this connection. Raises RequestError."""
        raise NotImplementedError

    def dress(self) -> None:
        """Make aiohttp's request what routes have made of it."""
        path, authority, shown = self._shown
        asked, headers = self.asked, self.headers
        if self.path != path:
            asked.url = moved(asked.url, self.path)
        if self.authority == authority and headers[: len(shown)] == shown:
            if len(headers) == len(shown) and self.path == path:
                return
            asked.headers.extend([(NAMES[name], text(value)) for name, value in headers[len(shown) :]])
        else:
            asked.headers = CIMultiDict(
                [(hdrs.HOST, self.authority.decode()), *((name.decode(), text(value)) for name, value in headers)]
            )
        self._shown = (self.path, self.authority, headers)

    def note_consumed(self) -> None:
        """A body that streams can be sent once: no retry after that."""
        payload = self.asked.body
        if isinstance(self.body, Replay) and payload != b"" and payload.consumed:
            self.body.lost = True


class Streaming(Private):
    """A body that aiohttp sends piece by piece, and that nobody else may touch."""

    unseen = True

    def __aiter__(self) -> Streaming:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def content(asked: ClientRequest) -> Content:
    """The body, as far as the mesh has to know it: for shadows, and to tell whether it can be sent again."""
    payload = asked.body
    if payload == b"":
        return b""
    return bytes(payload._value) if isinstance(payload, BytesPayload) else Streaming()


def check(asked: ClientRequest, secure: bool) -> None:
    """Raises BadRequest."""
    if asked.proxy is not None:
        raise BadRequest("a request through the mesh cannot go through an HTTP proxy as well: leave out proxy=")
    if asked.method == hdrs.METH_CONNECT:
        raise BadRequest("CONNECT asks for a tunnel, which the mesh does not offer")
    if secure and asked.ssl is not True and not isinstance(asked.ssl, SSLContext):
        raise BadRequest("the mesh takes ssl=True or an SSLContext: say with a context what is to be trusted")


class Shown(Memo[tuple[str, str], Header]):
    """A header of aiohttp's as the mesh has it."""

    def __missing__(self, pair: tuple[str, str]) -> Header:
        header = name, value = pair[0].lower().encode(), pair[1].encode("utf-8", "surrogateescape")
        return self.keep(pair, header) if name not in PASSING and len(value) <= LONGEST else header


SHOWN, NAMES = Shown(), Short(bytes.decode)


def split_headers(asked: ClientRequest) -> tuple[bytes, Headers]:
    """The authority, and the other headers."""
    authority = b""
    headers: Headers = []
    for pair in asked.headers.items():
        header = SHOWN[pair]
        if header[0] == b"host":
            authority = header[1]
        else:
            headers.append(header)
    return authority, headers


def text(value: bytes) -> str:
    """A header value as aiohttp holds it."""
    return value.decode("utf-8", "surrogateescape")


def moved(url: URL, path: bytes) -> URL:
    """The same place, another path and query, exactly as given."""
    before, _, query = path.decode("latin-1").partition("?")
    return URL.build(
        scheme=url.scheme, host=url.raw_host or "", port=url.port, path=before, query_string=query, encoded=True
    )
