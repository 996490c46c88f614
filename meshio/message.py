"""Request and response, as every floor sees them. Header names are lower case.

These are built per request, so they are plain slots classes, not frozen dataclasses.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from meshio.record import Record

if TYPE_CHECKING:
    from meshio.errors import Finish, RequestError

Header: TypeAlias = tuple[bytes, bytes]
Headers: TypeAlias = list[Header]
Send: TypeAlias = Callable[["Request"], Awaitable["Response"]]
Content: TypeAlias = bytes | AsyncIterable[bytes]
Done: TypeAlias = Callable[["RequestError | None"], None]

DEFAULT_PORTS = {b"http": 80, b"https": 443}


class Private:
    """A body that passes over a connection that the mesh does not see into; nobody else may touch it."""

    __slots__ = ()


class Notes:
    """What the application says of a request beside the request: routes can ask for it, and no upstream sees it.

    metadata       JSON values by filter name, and inside by key (Envoy's dynamic metadata)
    filter_state   texts by key
    """

    __slots__ = ("filter_state", "metadata")

    def __init__(
        self,
        metadata: Mapping[str, Mapping[str, object]] | None = None,
        filter_state: Mapping[str, str] | None = None,
    ) -> None:
        self.metadata = metadata or {}
        self.filter_state = filter_state or {}


class Request:
    """One request on its way through the mesh.

    method, scheme, path   bytes as they go on the wire; `path` holds the query
    authority              what routes see and the Host header says, as the caller wrote it
    host, port             where the URL points: the host name or address that picks the listener
    port_given             False when the URL names no port and `port` is the scheme's default
    headers                lower-case names, without `host`
    body                   b"", bytes, or an async iterable of bytes
    hash                   the key that consistent hashing uses, once a hash policy computed it
    tried                  hosts that earlier attempts used (live `Host` objects)
    session                the host that its session is with, and whether no other will do; not set without a session
    named                  hosts that it names itself and were not tried yet; not set before a policy asked
    wanted                 labels that the host is to have, where the route asks for any; not set otherwise
    passed_over            how many of those were drawn and put back while the present attempt looks for a host
    began                  seconds since the epoch, for routes that tell it; see `began_at`
    chance                 the random number that every route with a runtime fraction shares, once one was asked
    deadline               loop time at which the route's timeout ends, or None
    came                   the headers of an answer that may be followed, as they came; not set otherwise
    notes                  what the application says beside the request, or None
    record                 what becomes known about this request
    sign                   what the connection manager says on the answer in its own name, due at the very end
    stage                  what it waits for: "pool", "connect" or "write" while that is so, "" for the caller's own
                           next piece of body, otherwise "read"
    """

    __slots__ = (
        "authority", "began", "body", "came", "chance", "deadline", "followed", "hash", "headers", "host", "method",
        "named", "notes", "passed_over", "path", "port", "port_given", "record", "reword", "scheme", "session", "sign",
        "stage", "tried", "wanted",
    )  # fmt: skip

    began: float
    came: Headers
    named: list[str]
    followed: tuple[tuple[str, str], ...]
    reword: "Callable[[Request, Response], None]"
    session: tuple[str, bool]
    wanted: tuple[tuple[str, object], ...]

    def __init__(
        self,
        method: bytes,
        authority: bytes,
        path: bytes,
        headers: Headers,
        body: Content = b"",
        *,
        scheme: bytes = b"http",
        host: str = "",
        port: int = 0,
    ) -> None:
        self.method = method
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.headers = headers
        self.body = body
        self.host = host
        self.port_given = port != 0
        self.port = port or DEFAULT_PORTS.get(scheme, 80)
        self.hash: int | None = None
        self.tried: tuple[object, ...] = ()
        self.passed_over = 0
        self.chance: int | None = None
        self.deadline: float | None = None
        self.notes: Notes | None = None
        self.record = Record()
        self.sign: Finish | None = None
        self.stage = "read"

    def began_at(self, now: float) -> float:
        """When the request began, in seconds since the epoch; now, unless its route asked for it to be noted."""
        began: float = getattr(self, "began", now)
        return began

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, or None. `name` is lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def query(self, name: bytes) -> bytes | None:
        """The first value of a query parameter, as it is written; `?a` gives b"". None when it is missing."""
        _, _, query = self.path.partition(b"?")
        for parameter in query.split(b"&"):
            key, _, value = parameter.partition(b"=")
            if key == name:
                return value
        return None


# What HTTP/2 calls pseudo headers: configuration names them as if they were headers.
PSEUDO_HEADERS: dict[bytes, Callable[[Request], bytes]] = {
    b":method": lambda request: request.method,
    b":authority": lambda request: request.authority,
    b"host": lambda request: request.authority,
    b":path": lambda request: request.path,
    b":scheme": lambda request: told_scheme(request),
}


def told_scheme(request: Request) -> bytes:
    """What Envoy takes for the request's scheme: a caller's `x-forwarded-proto` has the say, if it names one."""
    given = [value for name, value in request.headers if name == b"x-forwarded-proto"]
    scheme = given[0].lower() if len(given) == 1 else b""
    return scheme if scheme in DEFAULT_PORTS else request.scheme


class Body:
    """A response body that is at hand already. `transport.body.Stream` is the one that still arrives.

    Every body supports: `complete` (nothing more will come), `read()` (all of it), `async for`
    (chunks as they come, once), `aclose()` (give up the rest), `when_done(callback)` (called once with
    the error that ended it, or None; at once when it is complete) and `trailers`, set at the end.
    """

    __slots__ = ("_trailers", "data")
    complete: bool = True

    def __init__(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        self.data = data
        self._trailers = trailers

    @property
    def trailers(self) -> Headers:
        return self._trailers or []

    @trailers.setter
    def trailers(self, trailers: Headers) -> None:
        self._trailers = trailers

    async def read(self) -> bytes:
        """The whole body. Raises the RequestError that cut it short."""
        return self.data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks, as they arrived."""
        if self.data:
            yield self.data

    async def aclose(self) -> None:
        """Give up what was not read; the connection is closed if it cannot be kept."""

    def when_done(self, done: Done) -> None:
        """Call `done(error)` once, when the body has ended, failed or was closed."""
        done(None)

    def when_fed(self, fed: Callable[[], None]) -> None:
        """Call `fed()` for each chunk that arrives, where that can be seen."""

    def abort(self, error: "RequestError") -> None:
        """End the body with an error: whoever reads it gets `error`. Nothing happens to a complete body."""


class Response:
    """A response head and its body. `record` is the request's.

    data   all of the body where it is at hand as it came, as for most answers; None where `body` has to be asked
    """

    __slots__ = ("_body", "data", "headers", "record", "status")

    def __init__(self, status: int, headers: Headers, body: Body | bytes, record: Record | None = None) -> None:
        self.status = status
        self.headers = headers
        if type(body) is bytes:
            self.data: bytes | None = body
            self._body: Body | None = None  # few ask for it
        else:
            self.body = body  # type: ignore[assignment]  # the other kind
        self.record = record if record is not None else Record()

    @property
    def body(self) -> Body:
        if self._body is None:
            self._body = Body(self.data or b"")
        return self._body

    @body.setter
    def body(self, body: Body) -> None:
        self._body = body
        self.data = body.data if type(body) is Body else None

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, or None. `name` is lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class Layer(Protocol):
    """A value that wraps the way to the upstream: retry, timeout, fault, any HTTP filter."""

    def around(self, send: Send) -> Send:
        """Build the wrapped send. Called when a snapshot is published, never per request."""
