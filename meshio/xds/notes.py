"""Conditions on metadata and filter state of a request: what the application says beside it."""

from ipaddress import ip_network
from typing import Protocol

from meshio.matching import FilterState, FilterStateAddress, Matcher, Metadata
from meshio.matching.metadata import Boolean, Either, Null, Number, OneOf, Present, Value, Words
from meshio.xds.matching import text
from meshio.xds.place import Place
from meshio.xds.proto.envoy.type.matcher.v3 import (
    DoubleMatcher,
    FilterStateMatcher,
    ListMatcher,
    MetadataMatcher,
    OrMatcher,
    ValueMatcher,
)


def metadata_matcher(place: Place, wanted: MetadataMatcher) -> Metadata:
    """A condition on one value of the metadata."""
    if not wanted.filter:
        raise place.rejected("has no name", "filter")
    if not wanted.path or not all(step.key for step in wanted.path):
        raise place.rejected("must have at least one key, and no empty one", "path")
    if wanted.value is None:
        raise place.rejected("is required", "value")
    path = tuple(step.key or "" for step in wanted.path)
    return Metadata(wanted.filter, path, value(place.at("value"), wanted.value), wanted.invert)


def value(place: Place, wanted: ValueMatcher) -> Value:
    """Envoy's ValueMatcher."""
    if wanted.null_match is not None:
        return Null()
    if wanted.double_match is not None:
        return number(place.at("double_match"), wanted.double_match)
    if wanted.string_match is not None:
        return Words(text(place.at("string_match"), wanted.string_match))
    if wanted.bool_match is not None:
        return Boolean(wanted.bool_match)
    if wanted.present_match is not None:
        return Present(wanted.present_match)
    if wanted.list_match is not None:
        return item(place.at("list_match"), wanted.list_match)
    if wanted.or_match is not None:
        return either(place.at("or_match"), wanted.or_match)
    raise place.rejected("has no condition")


def number(place: Place, wanted: DoubleMatcher) -> Number:
    """A number, or a range without its end."""
    if wanted.range is not None:
        return Number(wanted.range.start, wanted.range.end)
    if wanted.exact is not None:
        return Number(wanted.exact)
    raise place.rejected("has no condition")


def item(place: Place, wanted: ListMatcher) -> OneOf:
    """Any item of a list."""
    if wanted.one_of is None:
        raise place.rejected("has no condition")
    return OneOf(value(place.at("one_of"), wanted.one_of))


def either(place: Place, wanted: OrMatcher) -> Either:
    """Several conditions, of which one is enough. Envoy wants two at least."""
    if len(wanted.value_matchers) < 2:
        raise place.rejected("must hold at least two conditions", "value_matchers")
    values = enumerate(wanted.value_matchers)
    return Either(tuple(value(place.at("value_matchers", index), each) for index, each in values))


def filter_state_matcher(place: Place, wanted: FilterStateMatcher) -> Matcher:
    """A condition on one filter state object."""
    if not wanted.key:
        raise place.rejected("has no name", "key")
    if wanted.string_match is not None:
        return FilterState(wanted.key, text(place.at("string_match"), wanted.string_match))
    if wanted.address_match is None:
        raise place.rejected("has no condition")
    here = place.at("address_match")
    ranges = enumerate(wanted.address_match.ranges)
    return FilterStateAddress(wanted.key, tuple(network(here.at("ranges", index), each) for index, each in ranges))


class Block(Protocol):
    """A CidrRange: there are two messages of that shape."""

    address_prefix: str
    prefix_len: int | None


def network(place: Place, block: Block) -> str:
    """`10.0.0.0/8`. Host bits are cut off and a length beyond the address is its end, as in Envoy."""
    try:
        whole = ip_network(block.address_prefix)
    except ValueError as error:
        raise place.rejected(str(error), "address_prefix") from None
    return str(whole.supernet(new_prefix=min(block.prefix_len or 0, whole.max_prefixlen)))
