"""The protobuf wire format, strictly: bytes -> numbered fields.

https://protobuf.dev/programming-guides/encoding. betterproto2 takes a message that ends too early for a shorter one
and passes over wire types it does not know; what a control plane sends has to be whole or refused.
"""

from collections.abc import Iterable, Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Field = tuple[int, int | bytes]
"""(number << 3 | wire type, value). Varints are ints; everything else is bytes."""


def bytes_key(number: int) -> int:
    """The key of a field that holds a string, bytes or a message."""
    return number << 3 | BYTES


def number_key(number: int) -> int:
    """The key of a field that holds an integer."""
    return number << 3 | VARINT


KEY, VALUE = bytes_key(1), bytes_key(2)  # of a map entry


class Malformed(ValueError):
    """Bytes that are not a message of the expected type."""


def split(raw: bytes) -> list[Field]:
    """The fields of a message in order. Raises Malformed."""
    return take(raw, 0, len(raw))[0]


def portions(raw: bytes, most: int) -> Iterator[list[Field]]:
    """The fields of a message in order, at most so many at a time. Raises Malformed."""
    at = 0
    while at < len(raw):
        found, at = take(raw, at, most)
        yield found


def take(raw: bytes, at: int, most: int) -> tuple[list[Field], int]:
    """Up to `most` fields from a position on, and the position behind them. Raises Malformed."""
    found: list[Field] = []
    end = len(raw)
    try:
        while at < end and len(found) < most:
            key = raw[at]
            at += 1
            if key > 127:
                key, at = varint(raw, at - 1)
            wire = key & 7
            if wire == BYTES:
                size = raw[at]
                at += 1
                if size > 127:
                    size, at = varint(raw, at - 1)
            elif wire == VARINT:
                number, at = varint(raw, at)
                found.append((key, number))
                continue
            elif wire == FIXED32 or wire == FIXED64:
                size = 4 if wire == FIXED32 else 8
            else:
                raise Malformed(f"wire type {wire} is not in use")
            found.append((key, raw[at : at + size]))
            at += size
    except IndexError:
        raise Malformed("the message ends within a field") from None
    if at > end:
        raise Malformed("the message ends within a field")
    return found, at


def sole(raw: bytes, key: int) -> bytes | None:
    """The value of a message that is nothing but this one short field; None when it is anything else.

    The wire format wraps a lot: an address comes in four messages of one field each. This is four times as fast as
    `split` for them.
    """
    if len(raw) >= 2 and raw[0] == key and raw[1] == len(raw) - 2 < 128:
        return raw[2:]
    return None


def entry(raw: bytes) -> tuple[bytes, bytes]:
    """Key and value of a map entry whose key is a string and whose value is a message. Raises Malformed."""
    if len(raw) >= 2 and raw[0] == KEY and (middle := raw[1] + 2) + 2 <= len(raw) and raw[1] < 128:
        value = sole(raw[middle:], VALUE)
        if value is not None:
            return raw[2:middle], value
    key = value = b""
    for number, part in split(raw):
        if number == KEY and isinstance(part, bytes):
            key = part
        elif number == VALUE and isinstance(part, bytes):
            value = part
        else:
            raise Malformed("a map entry is not a string and a message")
    return key, value


def octets(value: int | bytes) -> bytes:
    """The value of a field that holds bytes. Raises Malformed."""
    if isinstance(value, int):
        raise Malformed("a number where bytes belong")
    return value


def text(value: int | bytes) -> str:
    """The value of a string field. Raises Malformed."""
    try:
        return octets(value).decode()
    except UnicodeDecodeError:
        raise Malformed("a string is not UTF-8") from None


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """The variable-length integer at a position, and the position behind it. Raises Malformed, IndexError."""
    byte = raw[at]
    if byte < 128:
        return byte, at + 1
    number, shift = byte & 127, 7
    while shift < 70:
        at += 1
        byte = raw[at]
        number |= (byte & 127) << shift
        if byte < 128:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at + 1
        shift += 7
    raise Malformed("an integer is longer than ten bytes")


def join(fields: Iterable[Field]) -> bytes:
    """Fields as bytes again: what `split` takes apart."""
    return b"".join(written(key, value) for key, value in fields)


def written(key: int, value: int | bytes) -> bytes:
    """One field."""
    if isinstance(value, int):
        return written_varint(key) + written_varint(value)
    length = written_varint(len(value)) if key & 7 == BYTES else b""
    return written_varint(key) + length + value


def written_varint(number: int) -> bytes:
    """An unsigned integer, seven bits a byte."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
