"""The four messages of an ADS stream: bytes -> Reply, Ask -> bytes.

Replies are read straight from the wire: the resources in them stay bytes until the decoder wants them, and a
betterproto2 object for each of thousands of Any would stall the loop. Requests are few and go through betterproto2.
"""

from collections.abc import Iterable

from meshio.xds.bootstrap import Node
from meshio.xds.discovery import Ask, DeltaAsk, Reply, Resource
from meshio.xds.proto.envoy.config.core.v3 import Locality
from meshio.xds.proto.envoy.config.core.v3 import Node as NodeMessage
from meshio.xds.proto.envoy.service.discovery.v3 import DeltaDiscoveryRequest, DiscoveryRequest
from meshio.xds.proto.google.protobuf import Struct
from meshio.xds.proto.google.rpc import Status
from meshio.xds.types import NAMES
from meshio.xds.wire import Field, Malformed, bytes_key, join, octets, split, text

INVALID_ARGUMENT = 3  # the status code that Envoy and grpc-go give in a NACK
WRAPPER = "type.googleapis.com/envoy.service.discovery.v3.Resource"

ONE, TWO, THREE, FOUR, FIVE, SIX = map(bytes_key, range(1, 7))


def read_reply(raw: bytes) -> Reply:
    """A DiscoveryResponse. Raises Malformed."""
    fields = split(raw)
    return Reply(*heading(fields), tuple(read_any(value) for key, value in fields if key == TWO))


def read_delta_reply(raw: bytes) -> Reply:
    """A DeltaDiscoveryResponse. Raises Malformed."""
    fields = split(raw)
    resources = tuple(read_resource(octets(value)) for key, value in fields if key == TWO)
    return Reply(*heading(fields), resources, tuple(text(value) for key, value in fields if key == SIX))


def heading(fields: list[Field]) -> tuple[str, str, str]:
    """Type URL, version and nonce, which stand in the same fields of both responses."""
    last = dict(fields)
    return text(last.get(FOUR, b"")), text(last.get(ONE, b"")), text(last.get(FIVE, b""))


def read_any(value: int | bytes) -> Resource:
    """A resource of the state of the world: it says its name itself, unless it comes wrapped (xDS protocol, TTL)."""
    fields = dict(split(octets(value)))
    type_url, raw = text(fields.get(ONE, b"")), octets(fields.get(TWO, b""))
    if type_url == WRAPPER:
        return read_resource(raw)
    return Resource("" if type_url == NAMES else first_field(raw), type_url, raw)


def read_resource(raw: bytes) -> Resource:
    """The wrapper that incremental replies put around every resource."""
    fields = dict(split(raw))
    inner = dict(split(octets(fields.get(TWO, b""))))
    return Resource(
        name=text(fields.get(THREE, b"")),
        type_url=text(inner.get(ONE, b"")),
        raw=octets(inner.get(TWO, b"")),
        version=text(fields.get(ONE, b"")),
    )


def first_field(raw: bytes) -> str:
    """Field 1 of a listener, cluster, route table or load assignment is its name. "" where it cannot be read.

    Nearly every serializer writes it first, and then nothing else is looked at: what is wrong with the rest is the
    decoder's to say. But the order of fields is nobody's promise.
    """
    try:
        if not raw.startswith(b"\n"):
            return text(next((value for key, value in split(raw) if key == ONE), b""))
        head = split(raw[: 2 + raw[1]]) if len(raw) > 1 and raw[1] < 128 else split_long(raw)
        return text(head[0][1])
    except Malformed:
        return ""


def split_long(raw: bytes) -> list[Field]:
    """A name of 128 bytes up to 16 KiB: its length takes two bytes."""
    if len(raw) < 3 or raw[2] > 127:
        raise Malformed("a name is too long")
    return split(raw[: 3 + (raw[1] & 127 | raw[2] << 7)])


def write_ask(ask: Ask | DeltaAsk, node: Node | None) -> bytes:
    """A request of either dialect. The node goes with the first one of a stream.

    The names are put on the wire by hand: betterproto2 takes 5 to 25 ms for 2,000 of them.
    """
    who = node_message(node) if node else None
    error = Status(code=INVALID_ARGUMENT, message=ask.error) if ask.error else None
    if isinstance(ask, Ask):
        whole = DiscoveryRequest(
            version_info=ask.version,
            node=who,
            type_url=ask.type_url,
            response_nonce=ask.nonce,
            error_detail=error,
        )
        return bytes(whole) + strings(THREE, ask.names)
    change = DeltaDiscoveryRequest(node=who, type_url=ask.type_url, response_nonce=ask.nonce, error_detail=error)
    known = join((FIVE, join(((ONE, name.encode()), (TWO, version.encode())))) for name, version in ask.known.items())
    return bytes(change) + strings(THREE, ask.subscribe) + strings(FOUR, ask.unsubscribe) + known


def strings(key: int, values: Iterable[str]) -> bytes:
    """A repeated string field."""
    return join((key, value.encode()) for value in values)


def node_message(node: Node) -> NodeMessage:
    place = node.locality
    return NodeMessage(
        id=node.id,
        cluster=node.cluster,
        metadata=Struct.from_dict(dict(node.metadata)),
        locality=Locality(region=place.region, zone=place.zone, sub_zone=place.subzone),
        user_agent_name="meshio",
    )
