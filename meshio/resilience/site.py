"""Where a filter stands: what one route knows when its layers are composed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from meshio.message import Layer, Request
from meshio.naming.cache import NameCache
from meshio.resilience.descriptors import Limit

Clock: TypeAlias = Callable[[], float]
Find: TypeAlias = Callable[[NameCache, Request], Awaitable[None]]
"""Waits until the cache knows the address of the host that a request names."""


def stopped() -> float:
    """The clock of a filter that stands nowhere yet."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of every request of a route.

    forwards   a route was found, and it leads to a cluster; not to a redirect, an answer, or nowhere
    cluster    that cluster, "" where there is none
    route      its name
    address    the instance's own IP: the downstream address of all its requests
    limits, host_limits      what route and virtual host say a rate limit counts by
    include_host_limits      the route says that both count
    clock      seconds, from wherever
    calendar   seconds since the epoch
    find       where the cluster's hosts are those that requests name
    """

    forwards: bool = False
    cluster: str = ""
    route: str = ""
    address: str = "127.0.0.1"
    limits: tuple[Limit, ...] = ()
    host_limits: tuple[Limit, ...] = ()
    include_host_limits: bool = False
    clock: Clock = stopped
    calendar: Clock = stopped
    find: Find | None = None


@runtime_checkable
class Settling(Layer, Protocol):
    """A filter that does more with what a route table says of it than to be replaced by the most specific."""

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """The filter on one route. `levels`: weighted cluster, route, virtual host, table, those that say anything."""
