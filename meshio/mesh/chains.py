"""Which listener and which filter chain a connection would have met in Envoy.

Listener: exact address and port, then the wildcard of that port, then virtualOutbound. Filter chain:
Envoy's sieve, each stage keeps the most specific set (filter_chain_manager_impl.cc): destination port,
address prefix, server name, transport protocol, application protocol; nothing left means the default
chain, and no default chain means that Envoy closes the connection.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from meshio.routing.listener import FilterChain, Listener

Listeners: TypeAlias = Mapping[tuple[str, int], Listener]
WILDCARDS = ("0.0.0.0", "::")
HTTP_PROTOCOLS = ("http/1.1",)  # what Envoy's http_inspector finds in our requests


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as Envoy would see it: where it goes, and whether TLS is spoken on it."""

    addresses: tuple[str, ...]
    port: int
    server_name: str = ""
    tls: bool = False


def index_listeners(listeners: Iterable[Listener]) -> Listeners:
    """By address and port; virtualOutbound under ("", 0)."""
    return {key: each for each in listeners for key in ([("", 0)] if each.original_destination else each.addresses)}


def find_listener(index: Listeners, connection: Connection) -> Listener | None:
    keys = [(address, connection.port) for address in (*connection.addresses, *WILDCARDS)]
    return next((index[key] for key in (*keys, ("", 0)) if key in index), None)


def find_chain(listener: Listener, connection: Connection) -> FilterChain | None:
    """The filter chain that takes the connection, or None: Envoy closes it."""
    chains: Sequence[FilterChain] = listener.chains
    for rank in (port_rank, prefix_rank, name_rank, transport_rank, application_rank):
        chains = most_specific(chains, partial(rank, connection=connection))
    return chains[0] if chains else listener.default


def most_specific(chains: Sequence[FilterChain], rank: Callable[[FilterChain], int | None]) -> Sequence[FilterChain]:
    """Those with the highest rank; None excludes a chain."""
    ranked = [(chain, value) for chain in chains if (value := rank(chain)) is not None]
    best = max((value for _, value in ranked), default=0)
    return [chain for chain, value in ranked if value == best]


def port_rank(chain: FilterChain, connection: Connection) -> int | None:
    if chain.match.port is None:
        return 0
    return 1 if chain.match.port == connection.port else None


def prefix_rank(chain: FilterChain, connection: Connection) -> int | None:
    if not chain.match.prefixes:
        return 0
    lengths = [length for prefix in chain.match.prefixes for length in covering(prefix, connection.addresses)]
    return max(lengths, default=None)


def covering(prefix: str, addresses: tuple[str, ...]) -> list[int]:
    network = ip_network(prefix, strict=False)
    return [network.prefixlen + 1 for address in addresses if ip_address(address) in network]


def name_rank(chain: FilterChain, connection: Connection) -> int | None:
    if not chain.match.server_names:
        return 0
    ranks = [rank for name in chain.match.server_names for rank in name_ranks(name, connection.server_name)]
    return max(ranks, default=None)


def name_ranks(pattern: str, name: str) -> list[int]:
    """An exact name beats the longest wildcard suffix."""
    if pattern == name:
        return [1_000]
    suffix = pattern[1:]
    return [len(suffix)] if pattern.startswith("*.") and name.endswith(suffix) else []


def transport_rank(chain: FilterChain, connection: Connection) -> int | None:
    if not chain.match.transport_protocol:
        return 0
    return 1 if chain.match.transport_protocol == ("tls" if connection.tls else "raw_buffer") else None


def application_rank(chain: FilterChain, connection: Connection) -> int | None:
    if not chain.match.application_protocols:
        return 0
    spoken = () if connection.tls else HTTP_PROTOCOLS
    return 1 if set(spoken) & set(chain.match.application_protocols) else None
