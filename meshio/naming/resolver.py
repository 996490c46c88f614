"""How host names are looked up, and what comes of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import random
from typing import Literal, TypeAlias

Family: TypeAlias = Literal["auto", "v4", "v6", "v4_preferred", "all"]
"""`auto`: v6, and v4 where there is none; `v4_preferred` the other way round."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who is asked, and how patiently (Envoy: `CaresDnsResolverConfig`).

    servers   name servers as "ip:port"; () are those of the system
    spare     they are asked only where the system has none
    tcp       over TCP from the start, not only where an answer does not fit
    search    a name with few dots is looked for in the system's search domains, too
    timeout   seconds that a server has for the first try
    tries     how often each server is asked
    rotate    servers take turns in being the first
    system    the operating system looks up instead, in a thread; it tells no TTL (Envoy: getaddrinfo)
    """

    servers: tuple[str, ...] = ()
    spare: bool = False
    tcp: bool = False
    search: bool = True
    timeout: int = 5
    tries: int = 4
    rotate: bool = False
    system: bool = False


CARES = Resolver()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a look-up.

    addresses   each once, with the seconds that it is good for
    failed      nobody answered in earnest; False where it is known that there is no address
    reason      Envoy's words for why there is no address
    """

    addresses: tuple[tuple[str, int], ...] = ()
    failed: bool = False
    reason: str = ""


LookUp: TypeAlias = Callable[[Resolver, str, Family], Awaitable[Answer]]
"""Never raises: what goes wrong is an answer."""


def failure_pause(failure: tuple[float, float], failures: int) -> float:
    """Envoy: `JitteredExponentialBackOffStrategy`."""
    first, most = failure
    return max(0.001, random() * min(most, first * 2.0 ** min(failures - 1, 62)))
