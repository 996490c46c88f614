"""Matchers of metadata and filter state -> MetadataMatcher, FilterStateMatcher."""

from ipaddress import ip_network

from meshio.errors import Rejected
from meshio.matching import FilterState, FilterStateAddress, Metadata
from meshio.matching.metadata import Boolean, Either, Null, Number, OneOf, Present, Value, Words
from meshio.xds.encode.text import encode_text
from meshio.xds.proto.envoy.type.matcher.v3 import (
    AddressMatcher,
    DoubleMatcher,
    FilterStateMatcher,
    ListMatcher,
    MetadataMatcher,
    MetadataMatcherPathSegment,
    OrMatcher,
    ValueMatcher,
    ValueMatcherNullMatch,
)
from meshio.xds.proto.envoy.type.v3 import DoubleRange
from meshio.xds.proto.xds.core.v3 import CidrRange


def encode_metadata(matcher: Metadata) -> MetadataMatcher:
    return MetadataMatcher(
        filter=matcher.filter,
        path=[MetadataMatcherPathSegment(key=step) for step in matcher.path],
        value=encode_value(matcher.value),
        invert=matcher.invert,
    )


def encode_value(value: Value) -> ValueMatcher:
    """Raises Rejected for a question that xDS has no words for."""
    match value:
        case Null():
            return ValueMatcher(null_match=ValueMatcherNullMatch())
        case Present(wanted):
            return ValueMatcher(present_match=wanted)
        case Boolean(wanted):
            return ValueMatcher(bool_match=wanted)
        case Number(exact, None):
            return ValueMatcher(double_match=DoubleMatcher(exact=exact))
        case Number(start, end):
            return ValueMatcher(double_match=DoubleMatcher(range=DoubleRange(start=start, end=end or 0.0)))
        case Words(question):
            return ValueMatcher(string_match=encode_text(question))
        case OneOf(item):
            return ValueMatcher(list_match=ListMatcher(one_of=encode_value(item)))
        case Either(values):
            return ValueMatcher(or_match=OrMatcher(value_matchers=[encode_value(each) for each in values]))
    raise Rejected(str(value), "value", "xDS has no such matcher")


def encode_filter_state(matcher: FilterState | FilterStateAddress) -> FilterStateMatcher:
    match matcher:
        case FilterState(key, question):
            return FilterStateMatcher(key=key, string_match=encode_text(question))
        case FilterStateAddress(key, networks):
            return FilterStateMatcher(key=key, address_match=AddressMatcher(ranges=list(map(encode_network, networks))))


def encode_network(text: str) -> CidrRange:
    network = ip_network(text, strict=False)
    return CidrRange(address_prefix=str(network.network_address), prefix_len=network.prefixlen)
