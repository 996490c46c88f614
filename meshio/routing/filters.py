"""The HTTP filters of a listener, and how route tables override them.

A route table speaks of a filter by its name in the listener, on four levels: weighted cluster, route, virtual host
and table. The most specific level that says anything decides whether the filter is there; what it does is for the
filter to say (`Settling`), and for most it is what the most specific level says. Envoy: filter_chain_helper.cc and
`resolveMostSpecificPerFilterConfig`, measured on 1.40.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from meshio.message import Layer
from meshio.resilience.site import Settling, Site


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a listener.

    name       what routes call it
    layer      what it does; None for one without effect on a client
    disabled   it takes part only where a route says something of it
    """

    name: str
    layer: Layer | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """What one level of a route table says of a filter: what it does there, or with `disabled` that it is not there."""

    name: str
    layer: Layer | None = None
    disabled: bool = False


@runtime_checkable
class Wrapping(Protocol):
    """A filter that holds another one, which route tables may speak of under the same name."""

    inner: Layer

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """As `Settling`, with levels about either of the two."""


Overrides: TypeAlias = tuple[Override, ...]
Layers: TypeAlias = tuple[Layer, ...]


def settle(filters: Iterable[Filter], levels: Iterable[Overrides], site: Site) -> Layers:
    """The layers of a route, outermost first. `levels` are most specific first."""
    said = [override for level in levels for override in level]
    return tuple(found(filters, said, site))


def found(filters: Iterable[Filter], said: list[Override], site: Site) -> Iterator[Layer]:
    for each in filters:
        about = [override for override in said if override.name == each.name]
        disabled = about[0].disabled if about else each.disabled
        if each.layer is not None and not disabled:
            yield settled(each.layer, [override.layer for override in about if override.layer is not None], site)


def settled(layer: Layer, levels: list[Layer], site: Site) -> Layer:
    """What is meant for another kind of filter under the same name counts for nothing, as in Envoy."""
    own = levels if isinstance(layer, Wrapping) else [level for level in levels if type(level) is type(layer)]
    if isinstance(layer, Settling):
        return layer.settled(own, site)
    return own[0] if own else layer
