"""Which part of a request is hashed, and with what (Envoy: source/common/http/hash_policy.cc)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from xxhash import xxh64_intdigest

from meshio.message import PSEUDO_HEADERS, Request

Key: TypeAlias = Callable[[Request], int | None]
Cookies: TypeAlias = Callable[[Request], list[bytes]]
Substitute: TypeAlias = Callable[[str, str], Callable[[bytes], bytes]]
WORD = 2**64 - 1


@dataclass(frozen=True, slots=True)
class HashHeader:
    """Hash the value(s) of a header."""

    name: str
    terminal: bool = False
    pattern: str = ""  # regex_rewrite applied to each value first, if set
    substitution: str = ""


@dataclass(frozen=True, slots=True)
class HashCookie:
    """Hash a cookie. `ttl` (seconds): when the cookie is absent, make one and set it; None: then no hash.

    A `ttl` of 0 makes a cookie of the session, without an age.
    """

    name: str
    ttl: float | None = None
    path: str = ""
    terminal: bool = False
    attributes: tuple[tuple[str, str], ...] = ()  # more of the cookie that is set: `Secure`, `SameSite=Strict`


@dataclass(frozen=True, slots=True)
class HashSourceIp:
    """Hash the downstream address without port: for a client, this instance's own."""

    terminal: bool = False


@dataclass(frozen=True, slots=True)
class HashQuery:
    """Hash the first value of a query parameter."""

    name: str
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class HashState:
    """Hash an object of Envoy's filter state. No filter of a client leaves any: it never says anything."""

    key: str
    terminal: bool = False


HashPolicy: TypeAlias = HashHeader | HashCookie | HashSourceIp | HashQuery | HashState


def compile_hash(policies: tuple[HashPolicy, ...], address: str, substitute: Substitute) -> Key:
    """The key of a request under a route's hash policies; None leaves the choice to chance.

    `address` is the downstream address without port: for a client, this instance's own. `substitute` compiles
    a regex rewrite (pattern, substitution).
    """
    keys = [(key_of(policy, address, substitute), policy.terminal) for policy in policies]
    if len(keys) == 1:
        return keys[0][0]

    def combined(request: Request) -> int | None:
        result: int | None = None
        for key, terminal in keys:
            if (found := key(request)) is not None:
                result = found if result is None else rotated(result) ^ found
            if terminal and result is not None:
                break
        return result

    return combined


def rotated(key: int) -> int:
    """One bit to the left, around 64."""
    return (key << 1 | key >> 63) & WORD


def key_of(policy: HashPolicy, address: str, substitute: Substitute) -> Key:
    match policy:
        case HashHeader(name, _, pattern, substitution):
            return header_key(name.lower().encode(), substitute(pattern, substitution) if pattern else bytes)
        case HashCookie():
            return cookie_key(policy, address)
        case HashSourceIp():
            own = xxh64_intdigest(address.encode())
            return lambda request: own
        case HashQuery(name):
            return query_key(name.encode())
        case HashState():
            return lambda request: None


def query_key(name: bytes) -> Key:
    def key(request: Request) -> int | None:
        value = request.query(name)
        return None if value is None else xxh64_intdigest(value)

    return key


def header_key(name: bytes, rewrite: Callable[[bytes], bytes]) -> Key:
    """Values are rewritten, then sorted, then hashed one on top of the other."""

    def key(request: Request) -> int | None:
        values = header_values(request, name)
        if not values:
            return None
        result = 0
        for value in sorted(map(rewrite, values)):
            result = xxh64_intdigest(value, result)
        return result

    return key


def header_values(request: Request, name: bytes) -> list[bytes]:
    if name in PSEUDO_HEADERS:
        return [PSEUDO_HEADERS[name](request)]
    return [value for key, value in request.headers if key == name]


def cookie_key(policy: HashCookie, address: str) -> Key:
    def key(request: Request) -> int | None:
        value = cookie(request, policy.name.encode())
        if not value and policy.ttl is not None:
            value = new_cookie(request, address)
        return xxh64_intdigest(value) if value else None

    return key


def cookie(request: Request, name: bytes) -> bytes:
    """The first cookie of that name, without quotes; b"" when there is none (Envoy: `parseCookieValue`)."""
    for header, crumbs in request.headers:
        if header != b"cookie":
            continue
        for crumb in crumbs.split(b";"):
            key, _, value = crumb.strip().partition(b"=")
            if key == name:
                return value[1:-1] if len(value) > 1 and value[:1] == value[-1:] == b'"' else value
    return b""


def new_cookie(request: Request, address: str) -> bytes:
    """The value that a cookie with a lifetime gets when the request has none: the same for one pair of addresses."""
    return b"%016x" % xxh64_intdigest(f"{address}{request.host}:{request.port}".encode())


def compile_cookies(policies: tuple[HashPolicy, ...], address: str, substitute: Substitute) -> Cookies | None:
    """The `set-cookie` values that tell a client which cookies were made up for its request.

    None when none ever is. Policies behind a terminal one that decides have no say. The arguments are those of
    `compile_hash`.
    """
    if not any(isinstance(policy, HashCookie) and policy.ttl is not None for policy in policies):
        return None
    keys = [(policy, key_of(policy, address, substitute)) for policy in policies]

    def cookies(request: Request) -> list[bytes]:
        values, decided = [], False
        for policy, key in keys:
            if isinstance(policy, HashCookie) and (value := set_cookie(policy, request, address)) is not None:
                values.append(value)
            decided = decided or key(request) is not None
            if policy.terminal and decided:
                break
        return values

    return cookies


def set_cookie(policy: HashCookie, request: Request, address: str) -> bytes | None:
    """The `set-cookie` value that tells a client its new cookie; None when it has one, or none is to be made."""
    if policy.ttl is None or cookie(request, policy.name.encode()):
        return None
    age = f"; Max-Age={seconds}" if (seconds := int(policy.ttl)) else ""
    path = f"; Path={policy.path}" if policy.path else ""
    value = new_cookie(request, address).decode()
    more = "".join(f"; {name}={text}" if text else f"; {name}" for name, text in policy.attributes)
    return f'{policy.name}="{value}"{age}{path}{more}; HttpOnly'.encode()
