"""Extensions in a resource: a type URL with bytes, opened only when its type is known."""

from typing import TypeVar

from betterproto2 import Message

from meshio.xds.fields import refuse_unsupported
from meshio.xds.parse import parse
from meshio.xds.place import Place
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.proto.udpa.type.v1 import TypedStruct as OldTypedStruct
from meshio.xds.proto.xds.type.v3 import TypedStruct
from meshio.xds.wire import Malformed

M = TypeVar("M", bound=Message)

PREFIX = "type.googleapis.com/"
TYPED_STRUCTS: dict[str, type[OldTypedStruct | TypedStruct]] = {
    "udpa.type.v1.TypedStruct": OldTypedStruct,
    "xds.type.v3.TypedStruct": TypedStruct,
}


def open_message(place: Place, cls: type[M], raw: bytes) -> M:
    """Bytes as a message in which nothing is set that is not supported. Raises Rejected."""
    try:
        message = parse(cls, raw)
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None
    refuse_unsupported(place, message)
    return message


def type_of(place: Place, config: Any | None) -> str:
    """The name of an extension's message; of a TypedStruct the name it stands in for; "" for none."""
    if config is None or not config.type_url:
        return ""
    name = config.type_url.rpartition("/")[2]
    if name not in TYPED_STRUCTS:
        return name
    inner = open_message(place, TYPED_STRUCTS[name], config.value)
    return inner.type_url.rpartition("/")[2]
