"""Protobuf as it comes in headers: the fields of a message, without knowing what message it is."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SIZES = {FIXED64: 8, FIXED32: 4}


def fields_of(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message by number. Raises ValueError for what is none."""
    at = 0
    while at < len(raw):
        key, at = number(raw, at)
        kind = key & 7
        if key < 8 or kind not in (VARINT, FIXED64, BYTES, FIXED32):
            raise ValueError("not a protobuf message")
        if kind == VARINT:
            value, at = number(raw, at)
            yield key >> 3, value
            continue
        size, at = number(raw, at) if kind == BYTES else (SIZES[kind], at)
        if at + size > len(raw):
            raise ValueError("the message ends within a field")
        yield key >> 3, raw[at : at + size]
        at += size


def number(raw: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends. Raises ValueError."""
    value = shift = 0
    for end in range(at, min(at + 10, len(raw))):
        value |= (raw[end] & 127) << shift
        shift += 7
        if raw[end] < 128:
            return value, end + 1
    raise ValueError("the message ends within a number")


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)
