"""The strict reader agrees with betterproto2 on whole messages, and refuses what is not one."""

from datetime import timedelta

import pytest
from betterproto2 import Message
from hypothesis import given
from hypothesis import strategies as st

from meshio.xds.parse import DEEPEST, parse, unknown_numbers
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster
from meshio.xds.proto.envoy.config.core.v3 import Metadata, Node
from meshio.xds.proto.envoy.config.endpoint.v3 import ClusterLoadAssignment
from meshio.xds.proto.envoy.config.listener.v3 import Listener
from meshio.xds.proto.envoy.config.route.v3 import RetryPolicy, RouteConfiguration, RouteMatch
from meshio.xds.proto.google.protobuf import ListValue, Struct, Value
from meshio.xds.proto.istio.networking.nds.v1 import NameTable
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES
from meshio.xds.wire import Malformed, join, split
from tests.xds.recordings import recorded

CLASSES: dict[str, type[Message]] = {
    LISTENER: Listener,
    ROUTES: RouteConfiguration,
    CLUSTER: Cluster,
    ASSIGNMENT: ClusterLoadAssignment,
    NAMES: NameTable,
}


@pytest.mark.parametrize("how", ["sidecar", "delta", "grpc"])
def test_recorded_resources_read_as_betterproto2_reads_them(how: str) -> None:
    for reply in recorded(how).values():
        for each in reply.resources:
            cls = CLASSES[reply.type_url]
            assert parse(cls, each.raw) == cls.parse(each.raw)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
STRUCTS = st.dictionaries(st.text(), VALUES, max_size=3).map(Struct.from_dict)
MESSAGES = st.one_of(
    st.builds(Node, id=st.text(), metadata=STRUCTS, client_features=st.lists(st.text())),
    st.builds(Metadata, filter_metadata=st.dictionaries(st.text(), STRUCTS)),
    st.builds(RetryPolicy, retry_on=st.text(), retriable_status_codes=st.lists(st.integers(0, 2**32 - 1))),
    st.builds(RouteMatch, prefix=st.none() | st.text(), case_sensitive=st.none() | st.booleans()),
    st.builds(
        RetryPolicy,
        num_retries=st.none() | st.integers(0, 2**32 - 1),
        per_try_timeout=st.none() | st.timedeltas(timedelta(0)),
    ),
)


@given(MESSAGES)
def test_what_is_written_reads_as_betterproto2_reads_it(message: Message) -> None:
    raw = bytes(message)
    assert parse(type(message), raw) == type(message).parse(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(raw: bytes) -> None:
    for cls in CLASSES.values():
        try:
            parse(cls, raw)
        except Malformed:
            pass


@given(MESSAGES, st.data())
def test_a_message_that_is_cut_within_a_field_is_malformed(message: Message, data: st.DataObject) -> None:
    raw = bytes(message)
    ends = {sum(len(join([field])) for field in split(raw)[:count]) for count in range(len(split(raw)) + 1)}
    cut = data.draw(st.integers(0, len(raw)))
    if cut in ends:
        parse(type(message), raw[:cut])
    else:
        with pytest.raises(Malformed):
            parse(type(message), raw[:cut])


def test_of_a_oneof_the_last_member_counts() -> None:
    match = parse(RouteMatch, bytes(RouteMatch(prefix="/a")) + bytes(RouteMatch(path="/b")))
    assert (match.prefix, match.path) == (None, "/b")


def test_numbers_of_unknown_fields_are_kept() -> None:
    assert unknown_numbers(parse(RouteMatch, b"\xfa\x7f\x01x")) == [2047]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\x0a\x05ab", "ends within a field"),
        (b"\x0a", "ends within a field"),
        (b"\x08\x01", "wire type 0"),
        (b"\x0b", "wire type 3"),
        (b"\x0a\x01\xff", "UTF-8"),
        (b"\xff" * 11, "longer than ten bytes"),
        (b"\x4a\x00\x4a\x00", "given twice"),
    ],
)
def test_malformed_messages_say_what_is_wrong(raw: bytes, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        parse(RouteMatch, raw)


def test_messages_nested_without_end_are_malformed_not_a_crash() -> None:
    value = Value(list_value=ListValue())
    raw = bytes(value)
    for _ in range(DEEPEST * 50):
        raw = join([(6 << 3 | 2, join([(1 << 3 | 2, raw)]))])
    with pytest.raises(Malformed, match="deep"):
        parse(Value, raw)
