"""MurmurHash2, against what the C++ standard library gives (libstdc++'s std::hash of strings)."""

import pytest

from meshio.balancing.murmur import murmur2

KNOWN = {b"": 6142509188972423790, b"a": 4993892634952068459}


@pytest.mark.parametrize(("text", "digest"), KNOWN.items())
def test_known_hashes(text: bytes, digest: int) -> None:
    assert murmur2(text) == digest


def test_every_length_of_the_last_block_counts() -> None:
    hashes = {murmur2(b"0123456789abcdef"[:length]) for length in range(17)}
    assert len(hashes) == 17
    assert all(0 <= digest < 2**64 for digest in hashes)


def test_the_seed_counts() -> None:
    assert murmur2(b"a", 1) != murmur2(b"a", 2)
