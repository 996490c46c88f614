"""Listeners as values: how a destination (address and port) finds its route table or its cluster.

A client has no socket to listen on: the listeners say what Envoy would have done with the connection.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from meshio.balancing.hashing import HashPolicy
from meshio.naming.cache import NameCache
from meshio.resilience.streams import NO_LIMITS, StreamLimits
from meshio.routing.authority import Ports
from meshio.routing.filters import Filter
from meshio.routing.hop import ENVOY, Hop
from meshio.routing.rewording import PLAIN_WORDS, Rewordings
from meshio.routing.route import RouteTable, WeightedCluster
from meshio.routing.wishes import PLAIN_ROUTER, Router

EscapedSlashes: TypeAlias = Literal["keep", "reject", "redirect", "forward"]


@dataclass(frozen=True, slots=True)
class PathNormalisation:
    """What the connection manager does to the path before routes see it."""

    normalize: bool = False
    merge_slashes: bool = False
    escaped_slashes: EscapedSlashes = "keep"


@dataclass(frozen=True, slots=True)
class HttpChain:
    """The HTTP connection manager of a filter chain: a route table by name (RDS) or inline, and its layers.

    `ports` says which ports are taken off the authority, `strip_dot` whether a dot at its end is.
    `filters` are all HTTP filters, outermost first.
    """

    routes: str | RouteTable
    paths: PathNormalisation = PathNormalisation()
    filters: tuple[Filter, ...] = ()
    upgrades: frozenset[str] = frozenset()
    stat_prefix: str = ""
    hop: Hop = ENVOY
    replies: Rewordings = PLAIN_WORDS
    ports: Ports = "keep"
    strip_dot: bool = False
    limits: StreamLimits = NO_LIMITS
    router: Router = PLAIN_ROUTER


@dataclass(frozen=True, slots=True)
class TcpChain:
    """The TCP proxy of a filter chain.

    named   the cache in which the filter before it looks up the server name of a connection, and the port beside it:
            for clusters whose hosts are named so, which look there anyway
    """

    clusters: tuple[WeightedCluster, ...]
    stat_prefix: str = ""
    hash_policies: tuple[HashPolicy, ...] = ()
    named: tuple[NameCache, int] | None = None


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """Envoy's FilterChainMatch, as far as a client can be asked. Empty means "any".

    `prefixes` are CIDRs of the destination.
    """

    port: int | None = None
    prefixes: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilterChain:
    """Which connections, and what becomes of them."""

    target: HttpChain | TcpChain
    match: ChainMatch = ChainMatch()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Listener:
    """An outbound listener. `address` is "0.0.0.0" (or "::") for every destination of that port.

    `original_destination` is virtualOutbound's `use_original_dst`: where a connection goes that no
    other listener claims. `further` are more addresses, as those of a service with two families have them.
    """

    name: str
    address: str
    port: int
    chains: tuple[FilterChain, ...]
    default: FilterChain | None = None
    original_destination: bool = False
    further: tuple[tuple[str, int], ...] = ()

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """All of them."""
        return ((self.address, self.port), *self.further)
