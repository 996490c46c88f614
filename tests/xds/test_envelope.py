from hypothesis import given
from hypothesis import strategies as st

from meshio.upstream.endpoint import Locality
from meshio.xds.bootstrap import Node
from meshio.xds.discovery import Ask, DeltaAsk, Reply, Resource
from meshio.xds.envelope import read_delta_reply, read_reply, write_ask
from meshio.xds.proto.envoy.service.discovery.v3 import DiscoveryRequest, DiscoveryResponse
from meshio.xds.proto.envoy.service.discovery.v3 import Resource as ResourceMessage
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.served import read_ask, read_delta_ask, reply_of, write_delta_reply
from meshio.xds.types import CLUSTER, NAMES
from meshio.xds.wire import Malformed

texts = st.text(max_size=40)
names = st.one_of(texts.filter(bool), st.text("a", min_size=120, max_size=300))
errors = st.one_of(st.just(""), st.text(min_size=1))


def named(name):
    """A message whose field 1 is its name, as a cluster's is, and a field 4 behind it."""
    encoded = name.encode()
    size = len(encoded)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return b"\x0a" + length + encoded + b"\x22\x02hi"


@given(st.tuples(texts, texts), st.lists(names))
def test_a_whole_reply_is_read_as_betterproto_wrote_it(version_and_nonce, some):
    version, nonce = version_and_nonce
    resources = [Any(type_url=CLUSTER, value=named(name)) for name in some]
    raw = bytes(DiscoveryResponse(version_info=version, resources=resources, type_url=CLUSTER, nonce=nonce))
    expected = tuple(Resource(name, CLUSTER, named(name)) for name in some)
    assert read_reply(raw) == Reply(CLUSTER, version, nonce, expected)


@given(texts, st.dictionaries(texts, st.binary(max_size=9)), st.lists(texts))
def test_an_incremental_reply_is_read_as_it_was_written(version, resources, removed):
    raw = write_delta_reply(reply_of(CLUSTER, version, "n", resources, removed))
    expected = tuple(Resource(name, CLUSTER, value, version) for name, value in resources.items())
    assert read_delta_reply(raw) == Reply(CLUSTER, version, "n", expected, tuple(removed))


@given(st.binary())
def test_bytes_that_are_no_reply_are_malformed_and_nothing_worse(raw):
    for read in (read_reply, read_delta_reply):
        try:
            read(raw)
        except Malformed:
            pass


def test_a_resource_in_a_wrapper_has_the_wrappers_name():
    inner = bytes(ResourceMessage(name="a", version="7", resource=Any(type_url=CLUSTER, value=b"x")))
    wrapped = Any(type_url="type.googleapis.com/envoy.service.discovery.v3.Resource", value=inner)
    assert read_reply(bytes(DiscoveryResponse(resources=[wrapped]))).resources == (Resource("a", CLUSTER, b"x", "7"),)


def test_the_name_table_has_no_name():
    raw = bytes(DiscoveryResponse(type_url=NAMES, resources=[Any(type_url=NAMES, value=named("host"))]))
    assert read_reply(raw).resources[0].name == ""


@given(names, st.integers(0, 200))
def test_a_resource_cut_short_keeps_its_name_or_has_none(name, cut):
    raw = bytes(DiscoveryResponse(resources=[Any(type_url=CLUSTER, value=named(name)[:cut])]))
    assert read_reply(raw).resources[0].name in ("", name)


@given(st.lists(texts), texts, texts, errors)
def test_a_request_is_read_by_the_server_as_it_was_meant(some, version, nonce, error):
    ask = Ask(CLUSTER, tuple(some), version, nonce, error)
    assert read_ask(write_ask(ask, None)) == ask


@given(st.lists(texts), st.dictionaries(texts, texts), texts, errors)
def test_an_incremental_request_is_read_by_the_server_as_it_was_meant(some, known, nonce, error):
    ask = DeltaAsk(CLUSTER, tuple(some), ("x",), known, nonce, error)
    assert read_delta_ask(write_ask(ask, None)) == ask


def test_the_node_says_who_we_are():
    node = Node(
        "sidecar~1.2.3.4~a.b~c", "a.b", {"LABELS": {"app": "a"}, "PORTS": [1, None, True]}, Locality("r", "z", "s")
    )
    sent = DiscoveryRequest.parse(write_ask(Ask(CLUSTER, ()), node)).node
    assert (sent.id, sent.cluster, sent.user_agent_name) == ("sidecar~1.2.3.4~a.b~c", "a.b", "meshio")
    assert sent.metadata.to_dict() == node.metadata
    assert (sent.locality.region, sent.locality.zone, sent.locality.sub_zone) == ("r", "z", "s")


def test_a_resource_has_its_name_wherever_it_stands_in_the_message():
    raw = b"\x20\x01" + b"\x0a\x03abc"
    reply = read_reply(b"\x12" + bytes([len(raw) + 2]) + b"\x12" + bytes([len(raw)]) + raw)
    assert [each.name for each in reply.resources] == ["abc"]
