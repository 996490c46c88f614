"""Which part of a request is hashed, and with what (Envoy: source/common/http/hash_policy.cc)."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class HashHeader:
    """Hash the value(s) of a header."""

    name: str
    terminal: bool = False
    pattern: str = ""  # regex_rewrite applied to each value first, if set
    substitution: str = ""


@dataclass(frozen=True, slots=True)
class HashCookie:
    """Hash a cookie. `ttl` (seconds): when the cookie is absent, make one and set it; None: then no hash."""

    name: str
    ttl: float | None = None
    path: str = ""
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class HashSourceIp:
    """Hash the downstream address without port: for a client, this instance's own."""

    terminal: bool = False


@dataclass(frozen=True, slots=True)
class HashQuery:
    """Hash the first value of a query parameter."""

    name: str
    terminal: bool = False


HashPolicy: TypeAlias = HashHeader | HashCookie | HashSourceIp | HashQuery
