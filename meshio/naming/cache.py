"""Names that requests bring along: how many are remembered, and for how long. Envoy: `DnsCacheConfig`."""

from dataclasses import dataclass
from ipaddress import ip_address

from meshio.naming.resolver import CARES, Answer, Family, Resolver, failure_pause


@dataclass(frozen=True, slots=True)
class NameCache:
    """What is kept under one name, for all clusters and filters that use it. Durations are in seconds.

    refresh      until a name is looked up again that has no address
    shortest     the least that an answer is good for, and the least between two look-ups after a failure
    lifetime     a name that nobody has asked for as long is forgotten, when it would be looked up again
    most         names
    failure      as of DNS clusters
    tries_again  a name that could not be looked up is kept, and looked up again; False forgets it
    patience     of one look-up; 0 has no end
    waiting      requests that may wait for look-ups at the same time
    ahead        what is looked up before anybody asks
    """

    name: str
    family: Family = "auto"
    resolver: Resolver = CARES
    refresh: float = 60.0
    shortest: float = 5.0
    lifetime: float = 300.0
    most: int = 1024
    failure: tuple[float, float] | None = None
    tries_again: bool = True
    patience: float = 5.0
    waiting: int = 1024
    ahead: tuple[tuple[str, int], ...] = ()


def place_of(authority: str, port: int) -> tuple[str, int]:
    """The host and port that a Host header names; without a port, this one. Envoy: `Http::Utility::parseAuthority`."""
    host, colon, told = authority.rpartition(":")
    if colon and told.isascii() and told.isdigit() and int(told[:6]) <= 65535:
        port = int(told)
    else:
        host = authority
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return (bare if bare != host and is_ip(bare) else host), port


def is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def pause_after(answer: Answer, cache: NameCache, failures: int) -> float:
    """Seconds until the next look-up, after so many that failed in a row. Envoy: dns_cache_impl.cc, `finishResolve`."""
    if failures:
        return max(cache.shortest, failure_pause(cache.failure, failures) if cache.failure else cache.refresh)
    if answer.addresses:
        return max(float(int(cache.shortest)), answer.addresses[0][1])
    return float(int(cache.refresh)) or cache.refresh
