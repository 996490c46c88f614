"""Which virtual host an authority belongs to. Envoy: config_impl.cc, `RouteMatcher::findVirtualHost`.

Exact domain, then the longest suffix wildcard (`*.x`), then the longest prefix wildcard (`x.*`), then
`*`. Host names compare without case; a trailing dot counts; a wildcard stands for at least one character.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from meshio.routing.route import RouteTable, VirtualHost

ANY = "*"
REMEMBERED = 4096  # authorities; a client that sends to more of them starts to remember anew


class Claim(NamedTuple):
    """A virtual host, and the domain of it that an authority met."""

    domain: str
    host: VirtualHost


FindHost: TypeAlias = Callable[[bytes], Claim | None]
Wildcards: TypeAlias = list[tuple[int, dict[bytes, Claim]]]


def index_domains(table: RouteTable) -> FindHost:
    """Compile the domains of a table into one lookup. Of two equal domains the first wins, as istiod means it."""
    exact: dict[bytes, Claim] = {}
    suffixes: dict[bytes, Claim] = {}
    prefixes: dict[bytes, Claim] = {}
    anyone: dict[bytes, Claim] = {}
    for claim in (Claim(domain, host) for host in table.hosts for domain in host.domains):
        domain = claim.domain.lower().encode()
        if claim.domain == ANY:
            anyone.setdefault(b"", claim)
        elif domain.startswith(b"*"):
            suffixes.setdefault(domain[1:], claim)
        elif domain.endswith(b"*"):
            prefixes.setdefault(domain[:-1], claim)
        else:
            exact.setdefault(domain, claim)
    return lookup(exact, by_length(suffixes), by_length(prefixes), anyone.get(b""), table.ignore_port)


def lookup(
    exact: dict[bytes, Claim], suffixes: Wildcards, prefixes: Wildcards, anyone: Claim | None, ignore_port: bool
) -> FindHost:
    def find(authority: bytes) -> Claim | None:
        name = without_port(authority).lower() if ignore_port else authority.lower()
        found = exact.get(name)
        if found is not None:
            return found
        for length, claims in suffixes:
            if length < len(name) and (found := claims.get(name[-length:])) is not None:
                return found
        for length, claims in prefixes:
            if length < len(name) and (found := claims.get(name[:length])) is not None:
                return found
        return anyone

    return find


def by_length(wildcards: dict[bytes, Claim]) -> Wildcards:
    """Longest first; all wildcards of one length are one dict."""
    grouped: dict[int, dict[bytes, Claim]] = {}
    for text, claim in wildcards.items():
        grouped.setdefault(len(text), {})[text] = claim
    return sorted(grouped.items(), reverse=True)


def without_port(authority: bytes) -> bytes:
    """The host of an authority; a colon inside the brackets of an IPv6 literal is no port (`getPortStart`)."""
    colon = authority.rfind(b":")
    return authority if colon < 0 or authority.rfind(b"]") > colon else authority[:colon]
