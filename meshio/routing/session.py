"""Sessions that stay with a host: the client is told where it was served, and brings it along the next time.

Envoy: source/extensions/filters/http/stateful_session and source/extensions/http/stateful_session, measured on 1.40.
"""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from meshio.balancing.hashing import cookie
from meshio.balancing.wire import BYTES, VARINT, fields_of, varint
from meshio.errors import RequestError
from meshio.message import Request, Response, Send

ADDRESS, EXPIRES = 1, 2  # fields of Envoy's `Cookie` message


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The host is in a cookie, for paths below `path`. `lifetime` in seconds; 0 for that of the browser's session."""

    name: str
    path: str = ""
    lifetime: int = 0
    attributes: tuple[tuple[str, str], ...] = ()

    def applies(self, path: bytes) -> bool:
        """Whether a request to this path (and query) belongs to the session."""
        own = self.path.encode()
        if own in (b"", b"/") or path == own:
            return True
        return path.startswith(own) and (own.endswith(b"/") or path[len(own) : len(own) + 1] in (b"/", b"?", b"#"))

    def host(self, request: Request, now: float) -> str:
        """The host that the request wants; "" for any. `now` is the time of day in seconds."""
        raw = decoded(cookie(request, self.name.encode()))
        try:
            found = dict(fields_of(raw))
        except ValueError:
            return text(raw)  # what older versions of Envoy wrote: the address alone
        expires = found.get(EXPIRES, 0)
        expired = isinstance(expires, int) and 0 < expires < now
        address = found.get(ADDRESS, b"")
        return text(address) if isinstance(address, bytes) and not expired else ""

    def tell(self, response: Response, host: str, now: float) -> None:
        """Have the client remember the host."""
        raw = bytes((ADDRESS << 3 | BYTES, len(host))) + host.encode()
        if self.lifetime:
            raw += bytes((EXPIRES << 3 | VARINT,)) + varint(int(now) + self.lifetime)
        parts = [f'{self.name}="{b64encode(raw).decode()}"']
        if self.lifetime:
            parts.append(f"Max-Age={self.lifetime}")
        if self.path:
            parts.append(f"Path={self.path}")
        parts += [f"{name}={value}" if value else name for name, value in self.attributes]
        response.headers.append((b"set-cookie", "; ".join([*parts, "HttpOnly"]).encode()))


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """The host is in a header, of requests and of responses."""

    name: str

    def applies(self, path: bytes) -> bool:
        """Always."""
        return True

    def host(self, request: Request, now: float) -> str:
        """The host that the request wants; "" for any."""
        return text(decoded(request.header(self.name.encode()) or b""))

    def tell(self, response: Response, host: str, now: float) -> None:
        """Tell the client the host."""
        name = self.name.encode()
        kept = [header for header in response.headers if header[0] != name]
        response.headers = [*kept, (name, b64encode(host.encode()))]


State: TypeAlias = SessionCookie | SessionHeader


@dataclass(frozen=True, slots=True)
class StatefulSession:
    """state    where the host is kept; None switches the filter off
    strict   a request whose host is gone or ill fails, instead of going to another
    clock    the time of day in seconds, for cookies that expire
    """

    state: State | None = None
    strict: bool = False
    clock: Callable[[], float] = field(default=lambda: 0.0, compare=False, repr=False)

    def around(self, send: Send) -> Send:
        """Say which host is wanted (`Request.session`), and tell the client when it was another."""
        state, strict, clock = self.state, self.strict, self.clock
        if state is None:
            return send

        async def remembered(request: Request) -> Response:
            if not state.applies(request.path):
                return await send(request)
            wanted = state.host(request, clock())
            if wanted:
                request.session = wanted, strict

            def tell(request: Request, response: Response) -> None:
                host = request.record.endpoint
                if host and host != wanted:
                    state.tell(response, host, clock())

            try:
                response = await send(request)
            except RequestError as error:
                error.after += (tell,)
                raise
            tell(request, response)
            return response

        return remembered


def decoded(value: bytes) -> bytes:
    """Base64; b"" for what is not."""
    try:
        return b64decode(value, validate=True)
    except Error:
        return b""


def text(raw: bytes) -> str:
    return raw.decode("latin-1")
