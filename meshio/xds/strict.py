"""Messages field by field, where generated classes would be too slow. What is wrong is told with its place.

Fields and their fates are those of `endpoint_fields.py` and `core_fields.py`.
"""

from collections.abc import Iterator

from betterproto2 import Message

from meshio.xds.core_fields import CORE_FIELDS
from meshio.xds.endpoint_fields import ENDPOINT_FIELDS
from meshio.xds.parse import columns_of
from meshio.xds.place import Place
from meshio.xds.proto.google.protobuf import UInt32Value
from meshio.xds.wire import Field, Malformed, number_key, portions, split

RULES = ENDPOINT_FIELDS | CORE_FIELDS


def fields(place: Place, raw: int | bytes) -> list[Field]:
    """The fields of a message. Raises Rejected."""
    if isinstance(raw, int):
        raise place.rejected("malformed: a number where a message belongs")
    try:
        return split(raw)
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None


def fields_in_portions(place: Place, raw: bytes, most: int) -> Iterator[list[Field]]:
    """The fields of a long message, at most so many at a time. Raises Rejected."""
    try:
        yield from portions(raw, most)
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None


def text(place: Place, value: int | bytes) -> str:
    """A string field."""
    if isinstance(value, int):
        raise place.rejected("malformed: a number where a string belongs")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise place.rejected("malformed: not UTF-8") from None


def wrapped(place: Place, value: int | bytes) -> int:
    """A UInt32Value."""
    if value == b"":
        return 0
    if isinstance(value, bytes) and len(value) == 2 and value[0] == 8 and value[1] < 128:
        return value[1]  # nearly all of them
    found = fields(place, value)
    if len(found) != 1 or found[0][0] != number_key(1) or not isinstance(found[0][1], int):
        raise place.rejected(f"malformed: not a {UInt32Value.__name__}")
    return found[0][1] & 0xFFFF_FFFF


def refuse(place: Place, cls: type[Message], key: int, value: int | bytes) -> None:
    """A field that is not read: ignored where the table says so, else Rejected."""
    column = columns_of(cls).get(key)
    if column is None or (rule := RULES[cls][column.name]).fate == "read":
        raise place.rejected(f"malformed, given twice, or newer than this version: field {key >> 3} of {cls.__name__}")
    if rule.fate == "rejected" and value != 0:
        raise place.rejected(rule.reason, column.name)
