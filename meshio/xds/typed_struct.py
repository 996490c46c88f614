"""Configs that come as JSON: a TypedStruct stands in for the message that it names (Istio's examples write them so)."""

from collections.abc import Mapping

from meshio.xds.place import Place
from meshio.xds.proto.google.protobuf import Struct, Value
from meshio.xds.proto.message_pool import default_message_pool

WRONG = (KeyError, ValueError, TypeError, AttributeError, OverflowError)
"""What reading JSON of the wrong shape into a generated class raises."""


def message_of(place: Place, name: str, value: Struct | None) -> bytes:
    """The bytes of the message of this name that the JSON says. Raises Rejected."""
    cls = default_message_pool.url_to_type.get(f"type.googleapis.com/{name}")
    if cls is None:
        raise place.rejected(f"{name} cannot be said in JSON")
    try:
        return bytes(cls.from_dict(plain_struct(value), ignore_unknown_fields=False))
    except WRONG as error:
        raise place.rejected(f"is not the JSON of {name}: {error}") from None


def plain_struct(struct: Struct | None) -> Mapping[str, object]:
    return {key: plain(value) for key, value in struct.fields.items()} if struct is not None else {}


def plain(value: Value) -> object:
    """A JSON value; whole numbers as such, for those who ask for whole ones."""
    if value.struct_value is not None:
        return plain_struct(value.struct_value)
    if value.list_value is not None:
        return [plain(item) for item in value.list_value.values]
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    number = value.number_value
    return int(number) if number is not None and number.is_integer() else number
