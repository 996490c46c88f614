"""A request head as the bytes of HTTP/1.1, and everything that is checked before a byte is sent.

What the caller says travels as it is, but for the headers that belong to one connection: those are left
out, as Envoy does (http/conn_manager_utility.cc), and `host` and the framing are ours. RFC 9112.
"""

import re

from meshio.errors import BadRequest
from meshio.memo import LONGEST, PASSING, Memo, Short
from meshio.message import Header, Headers, Request

CRLF = b"\r\n"

# Belong to one hop: not passed on.
HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"host"})
OURS = frozenset({b"content-length", b"te"})

# Methods that get no `content-length: 0` when there is no body (Envoy: requestShouldHaveNoBody).
BODILESS = frozenset({b"GET", b"HEAD", b"DELETE", b"TRACE", b"CONNECT"})

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
AUTHORITY = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]%]+")  # nghttp2_check_authority, as Envoy asks

TARGET = re.compile(rb"[^\x00-\x20\x7f]+")
VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")


def encode_head(request: Request) -> bytes:
    """Request line and headers, the empty line included. Raises BadRequest; nothing was sent then.

    Bodies that are bytes get a content-length, others the caller's content-length or chunked coding.
    """
    path, headers = request.path, request.headers
    if TARGET.fullmatch(path) is None:
        raise BadRequest(f"not a path: {path!r}; blanks have to be percent-encoded")
    parts = [STARTS[request.method], path, HOSTS[request.authority], *map(line_of, headers)]
    if request.body != b"" or request.method not in BODILESS or b"" in parts:
        parts.append(framing(request, [header for header in headers if header[0].lower() in OURS]))
    parts.append(b"\r\n\r\n")
    return b"".join(parts)


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


class Lines(Memo[Header, bytes]):
    """CRLF, name, colon and value of a header; empty for what is left out or written by us. Raises BadRequest."""

    def __missing__(self, header: Header) -> bytes:
        name, value = header
        if not value.replace(b"-", b"").isalnum() and VALUE.fullmatch(value) is None:  # ids, quickly; and all else
            raise BadRequest(f"control characters in the value of header {name.decode('latin-1')!r}: {value!r}")
        start = NAMES[name]
        line = start + value if start else b""
        if name not in PASSING and len(value) <= LONGEST:
            return self.keep(header, line)
        return line


def line_start(name: bytes) -> bytes:
    """CRLF, name and colon; empty for names that are left out or written by us. Raises BadRequest."""
    if TOKEN.fullmatch(name) is None:
        raise BadRequest(f"not a header name: {name!r}")
    return b"" if name.lower() in HOP | OURS else CRLF + name + b": "


def start(method: bytes) -> bytes:
    """The method and the space after it. Raises BadRequest."""
    if TOKEN.fullmatch(method) is None:
        raise BadRequest(f"not a method: {method!r}")
    if method == b"CONNECT":
        raise BadRequest("CONNECT asks for a tunnel, which the mesh does not offer")
    return method + b" "


def host_line(authority: bytes) -> bytes:
    """What follows the path, up to the end of the Host header. Raises BadRequest."""
    if AUTHORITY.fullmatch(authority) is None:
        raise BadRequest(f"not an authority (Host header): {authority!r}")
    return b" HTTP/1.1\r\nhost: " + authority


STARTS, HOSTS, NAMES = Short(start), Short(host_line), Short(line_start)
line_of = Lines().__getitem__
