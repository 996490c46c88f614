"""One request of aiohttp's as the mesh sees it, and what the mesh makes of it as aiohttp sends it."""

from __future__ import annotations

from ssl import SSLContext
from typing import TYPE_CHECKING

from aiohttp import ClientRequest, ClientTimeout, hdrs
from aiohttp.payload import BytesPayload, Payload
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from meshio.errors import BadRequest
from meshio.memo import LONGEST, PASSING, Memo, Short
from meshio.message import DEFAULT_PORTS, Content, Header, Headers, Private, Request, Response
from meshio.resilience.replay import Replay

if TYPE_CHECKING:
    from meshio.client.wire import Wire

SECURE = frozenset(("https", "wss"))


class Exchange(Request):
    """A request, made of references to aiohttp's. Raises BadRequest for what a mesh cannot do.

    asked      aiohttp's request
    """

    __slots__ = ("_given", "_timeout", "asked")

    def __init__(self, asked: ClientRequest, timeout: ClientTimeout) -> None:
        url, method, body = asked.url, asked.method, asked.body
        secure = url.scheme in SECURE
        if secure or asked.proxy is not None or method == hdrs.METH_CONNECT:
            check(asked, secure)
        authority, headers = split_headers(asked)
        path = url.raw_path_qs.encode()
        Request.__init__(self, METHODS[method], authority, path, headers, b"" if body == b"" else content(body))
        self.host = url.raw_host or ""
        if secure:
            self.scheme, self.port = b"https", DEFAULT_PORTS[b"https"]
        if port := url.explicit_port:
            self.port, self.port_given = port, True
        self.asked = asked
        self._timeout = timeout
        self._given = (path, authority, headers)

    @property
    def traces(self) -> list[Trace]:
        """Who wants to hear about connections."""
        return self.asked._traces

    @property
    def context(self) -> SSLContext | None:
        """The TLS context that the caller brings for an https URL."""
        return self.asked.ssl if self.scheme == b"https" and isinstance(self.asked.ssl, SSLContext) else None

    @property
    def patience(self) -> float | None:
        """Seconds that the caller waits for a connection, or None."""
        return min((each for each in (self._timeout.connect, self._timeout.sock_connect) if each), default=None)

    async def over(self, wire: Wire) -> Response:
        """Send it over this connection. Raises RequestError."""
        raise NotImplementedError

    def dress(self) -> None:
        """Make aiohttp's request what routes have made of it."""
        path, authority, given = self._given
        asked, headers = self.asked, self.headers
        if self.path != path:
            asked.url = moved(asked.url, self.path)
        if self.authority == authority and headers[: len(given)] == given:
            asked.headers.extend(map(told, headers[len(given) :]))
        else:
            asked.headers = CIMultiDict([(hdrs.HOST, self.authority.decode()), *map(told, headers)])
        self._given = (self.path, self.authority, headers)

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


def content(payload: Payload) -> Content:
    """The body, as far as the mesh has to know it: for shadows, and to tell whether it can be sent again."""
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


class Told(Memo[Header, tuple[str, str]]):
    """A header of the mesh's as aiohttp has it."""

    def __missing__(self, header: Header) -> tuple[str, str]:
        name, value = header
        pair = NAMES[name], text(value)
        return self.keep(header, pair) if name not in PASSING and len(value) <= LONGEST else pair


METHODS, NAMES = Short(str.encode), Short(bytes.decode)
shown, told = Shown().__getitem__, Told().__getitem__


def split_headers(asked: ClientRequest) -> tuple[bytes, Headers]:
    """The authority, and the other headers."""
    headers = list(map(shown, asked.headers.items()))
    if headers[0][0] == b"host" and len(asked.headers.getall(hdrs.HOST)) == 1:  # as aiohttp makes it
        return headers.pop(0)[1], headers
    hosts = [value for name, value in headers if name == b"host"]
    return hosts[-1] if hosts else b"", [header for header in headers if header[0] != b"host"]


def text(value: bytes) -> str:
    """A header value as aiohttp holds it."""
    return value.decode("utf-8", "surrogateescape")


def moved(url: URL, path: bytes) -> URL:
    """The same place, another path and query, exactly as given."""
    before, _, query = path.decode("latin-1").partition("?")
    return URL.build(
        scheme=url.scheme, host=url.raw_host or "", port=url.port, path=before, query_string=query, encoded=True
    )
