"""Protobuf in headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.wire import fields_of, varint


@given(st.integers(0, 2**64 - 1), st.binary(max_size=200))
def test_fields_are_read_as_they_are_written(number: int, content: bytes) -> None:
    raw = b"\x10" + varint(number) + b"\x0a" + varint(len(content)) + content + b"\x19" + b"8" * 8 + b"\x25" + b"4444"
    assert list(fields_of(raw)) == [(2, number), (1, content), (3, b"8" * 8), (4, b"4444")]


@pytest.mark.parametrize("raw", [b"\x0a\x05abc", b"\x08", b"\x0b", b"\x00\x01", b"\x09abc", b"\xff" * 11])
def test_what_is_cut_short_is_not_a_message(raw: bytes) -> None:
    with pytest.raises(ValueError, match="message"):
        list(fields_of(raw))
