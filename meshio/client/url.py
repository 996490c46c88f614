"""URLs and headers as callers write them, into what the mesh speaks."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from string import ascii_letters, digits
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from meshio.errors import BadRequest
from meshio.memo import LONGEST, PASSING, Memo, Short
from meshio.message import Header, Headers

HeaderTypes: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
ParamTypes: TypeAlias = Mapping[str, object] | Iterable[tuple[str, object]]

# What may stand in a path or query as it is; everything else is percent-encoded, "%" stays (already encoded).
SAFE = "/%:@!$&'()*+,;=~?-._[]|"


# What needs neither a second look nor any encoding: an origin, and a path of safe characters.
PLAIN_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-]+(?::[0-9]+)?")
PLAIN_PATH = (SAFE + ascii_letters + digits).encode()

# No control characters, no spaces, nothing that ends an authority.
AUTHORITY = re.compile(rb"[^\x00-\x20\x7f/?#]+")


class Origin(NamedTuple):
    """The part of a URL before the path. `port` is 0 when the URL names none."""

    scheme: bytes
    host: str
    port: int
    authority: bytes


@lru_cache(maxsize=4096)
def parse_origin(text: str) -> Origin:
    """`http://host:port`. Raises BadRequest that says what is wrong."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadRequest(f"not a URL: {text!r}: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise BadRequest(f"not a URL the mesh can send to: {text!r}: it has to begin with http:// or https://")
    if not host:
        raise BadRequest(f"not a URL: {text!r}: the host is missing")
    if not AUTHORITY.fullmatch(host.encode()):
        raise BadRequest(f"not a URL: {text!r}: {host!r} is not a host name")
    if parts.username is not None:
        raise BadRequest("user and password in a URL are not sent: set the authorization header instead")
    if port == 0:
        raise BadRequest(f"not a URL: {text!r}: nobody can listen on port 0")
    return Origin(parts.scheme.encode(), ascii_name(host).decode(), port or 0, ascii_name(parts.netloc))


def ascii_name(name: str) -> bytes:
    """As DNS and the Host header have it: "bücher.example" is "xn--bcher-kva.example". Raises BadRequest."""
    if name.isascii():
        return name.encode("ascii")
    try:
        return name.encode("idna")
    except UnicodeError as error:
        raise BadRequest(f"not a host name: {name!r}: {error}") from None


def split_url(url: str, params: ParamTypes | None) -> tuple[Origin, bytes]:
    """The origin, and path and query as bytes. A fragment is left out: it is never sent. Raises BadRequest."""
    if params is None:
        return SPLIT[url]  # programs ask for the same URLs again and again
    origin, path = split(url)
    query = encode_query(params)
    return origin, path + (b"&" if b"?" in path else b"?") + encode_path(query) if query else path


def split(url: str) -> tuple[Origin, bytes]:
    start = url.find("/", len("https://"))
    origin = ORIGINS[url[:start]] if start > 0 else None
    if origin is not None and url.isascii():
        path = url[start:].encode("ascii")
        if not path.translate(None, PLAIN_PATH):
            return origin, path
    return split_odd(url)


def split_odd(url: str) -> tuple[Origin, bytes]:
    """A URL without a path, or one that has to be encoded."""
    start = url.find("/", url.find("://") + 3)
    mark = url.find("?")
    cut = min((at for at in (start, mark) if at > 0), default=len(url))
    path = url[cut:].partition("#")[0]
    if not path.startswith("/"):
        path = "/" + path
    return parse_origin(url[:cut].partition("#")[0]), encode_path(path)


def plain_origin(text: str) -> Origin | None:
    """What comes before a path, if it is no more than scheme, host and port. Raises BadRequest for a bad port."""
    return parse_origin(text) if PLAIN_ORIGIN.fullmatch(text) else None


def encode_query(params: ParamTypes) -> str:
    """Lists repeat their name; true, false and nothing are written as httpx writes them."""
    pairs = params.items() if isinstance(params, Mapping) else params
    return urlencode(
        [
            (name, [query_value(each) for each in (value if isinstance(value, list | tuple) else (value,))])
            for name, value in pairs
        ],
        doseq=True,
    )


def query_value(value: object) -> object:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def encode_path(path: str) -> bytes:
    return quote(path, safe=SAFE).encode("ascii")


def encode_headers(headers: HeaderTypes | None) -> Headers:
    """Lower-case byte pairs, in the caller's order. Raises BadRequest for what is not text, or not Latin-1."""
    if headers is None:
        return []
    if type(headers) is dict or isinstance(headers, Mapping):
        headers = headers.items()
    else:
        headers = ((name, value) for name, value in headers)
    try:
        return list(map(pair_of, headers))
    except UnicodeEncodeError as error:
        raise BadRequest(f"a header holds text that is not Latin-1, give it as bytes: {error.object!r}") from None
    except (AttributeError, TypeError):
        raise BadRequest(f"names and values of headers are str or bytes: {headers!r}") from None


class Pairs(Memo[tuple[str | bytes, str | bytes], Header]):
    """A header as bytes, its name in lower case."""

    def __missing__(self, pair: tuple[str | bytes, str | bytes]) -> Header:
        name, value = pair
        name = name.lower() if isinstance(name, bytes) else name.encode("latin-1").lower()
        value = value if isinstance(value, bytes) else value.encode("latin-1")
        encoded = name, value
        return self.keep(pair, encoded) if name not in PASSING and len(value) <= LONGEST else encoded


def take_host(headers: Headers) -> tuple[bytes | None, Headers]:
    """A Host header given by the caller is the authority, not a header. Raises BadRequest when it cannot be one."""
    for name, value in headers:
        if name == b"host":
            if not AUTHORITY.fullmatch(value):
                raise BadRequest(f"not a Host header: {value!r}")
            return value, [pair for pair in headers if pair[0] != b"host"]
    return None, headers


def encode_method(method: str) -> bytes:
    """In upper case. Raises BadRequest."""
    try:
        return method.upper().encode("ascii")
    except UnicodeEncodeError:
        raise BadRequest(f"not a method: {method!r}") from None


METHODS, SPLIT, ORIGINS = Short(encode_method), Short(split), Short(plain_origin)
pair_of = Pairs().__getitem__
