"""A request head as the bytes of HTTP/1.1, and everything that is checked before a byte is sent.

What the caller says travels as it is, but for the headers that belong to one connection: those are left
out, as Envoy does (http/conn_manager_utility.cc), and `host` and the framing are ours. RFC 9112.
"""

import re
from functools import lru_cache

from meshio.errors import BadRequest
from meshio.message import Header, Headers, Request

CRLF = b"\r\n"

# Belong to one hop: not passed on.
HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"host"})
OURS = frozenset({b"content-length", b"te"})

# Methods that get no `content-length: 0` when there is no body (Envoy: requestShouldHaveNoBody).
BODILESS = frozenset({b"GET", b"HEAD", b"DELETE", b"TRACE", b"CONNECT"})

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
AUTHORITY = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]%]+")  # nghttp2_check_authority, as Envoy asks

# Deleting these leaves only control characters: CR and LF of our own making, or somebody else's.
PRINTABLE = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])


def encode_head(request: Request) -> bytes:
    """Request line and headers, the empty line included. Raises BadRequest; nothing was sent then.

    Bodies that are bytes get a content-length, others the caller's content-length or chunked coding.
    """
    check_path(request.path)
    parts = [request_line(request.method), request.path, b" HTTP/1.1\r\nhost: ", checked_authority(request.authority)]
    add = parts.append
    own: list[Header] = []
    for header in request.headers:
        name, value = header
        if start := line_start(name):
            add(start)
            add(value)
        else:
            own.append(header)
    lines = 1 + len(parts) // 2
    if own or request.body != b"" or request.method not in BODILESS:
        framed = framing(request, own)
        lines += framed.count(CRLF)
        add(framed)
    add(b"\r\n\r\n")
    head = b"".join(parts)
    if len(head.translate(None, PRINTABLE)) != 2 * lines:
        raise BadRequest(f"control characters in {offender(request)}")
    return head


def framing(request: Request, own: Headers) -> bytes:
    """The lines that we write in place of the caller's: `te`, and the one that says where the body ends.

    Raises BadRequest where the caller says something else about the body.
    """
    te = any(name.lower() == b"te" and value.strip().lower() == b"trailers" for name, value in own)
    told = told_length(own)
    line = b"\r\nte: trailers" if te else b""
    body = request.body
    if not isinstance(body, bytes):
        if not hasattr(body, "__aiter__"):
            raise BadRequest(f"a body is bytes or an async iterable of bytes, not {type(body).__name__}")
        return line + (b"\r\ntransfer-encoding: chunked" if told is None else b"\r\ncontent-length: %d" % told)
    if told is not None and told != len(body):
        raise BadRequest(f"content-length says {told} bytes, the body has {len(body)}")
    if body or told is not None or request.method not in BODILESS:
        line += b"\r\ncontent-length: %d" % len(body)
    return line


def told_length(headers: Headers) -> int | None:
    """The caller's content-length, or None: then a streamed body goes chunked. Raises BadRequest for no number."""
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    if not lengths:
        return None
    if len(set(lengths)) > 1 or not lengths[0].isdigit():
        raise BadRequest(f"content-length is not one number: {b', '.join(lengths)!r}")
    return int(lengths[0])


@lru_cache(maxsize=4096)
def line_start(name: bytes) -> bytes:
    """CRLF, name and colon; empty for names that are left out or written by us. Raises BadRequest."""
    if TOKEN.fullmatch(name) is None:
        raise BadRequest(f"not a header name: {name!r}")
    return b"" if name.lower() in HOP | OURS else CRLF + name + b": "


@lru_cache(maxsize=256)
def request_line(method: bytes) -> bytes:
    """The method and the space after it. Raises BadRequest."""
    if TOKEN.fullmatch(method) is None:
        raise BadRequest(f"not a method: {method!r}")
    if method == b"CONNECT":
        raise BadRequest("CONNECT asks for a tunnel, which the mesh does not offer")
    return method + b" "


@lru_cache(maxsize=4096)
def checked_authority(authority: bytes) -> bytes:
    """The authority as it is. Raises BadRequest."""
    if AUTHORITY.fullmatch(authority) is None:
        raise BadRequest(f"not an authority (Host header): {authority!r}")
    return authority


def check_path(path: bytes) -> None:
    """A path has no blanks; control characters are found later with those of the headers. Raises BadRequest."""
    if not path or 0x20 in path or 0x09 in path:
        raise BadRequest(f"not a path: {path!r}; blanks have to be percent-encoded")


def offender(request: Request) -> str:
    """What holds the control characters, in words."""
    for name, value in request.headers:
        if value.translate(None, PRINTABLE):
            return f"the value of header {name.decode('latin-1')!r}: {value!r}"
    return f"the path: {request.path!r}"
