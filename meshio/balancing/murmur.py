"""MurmurHash2 of 64 bits, with the seed of the C++ standard library: what older rings are built with.

Envoy: source/common/common/hash.cc. Keys are hashed when a ring is built, never per request.
"""

SEED = 0xC70F6907
FACTOR = 0xC6A4A7935BD1E995
WORD = 2**64 - 1


def murmur2(data: bytes, seed: int = SEED) -> int:
    """The hash of some bytes."""
    result = seed ^ (len(data) * FACTOR & WORD)
    whole = len(data) & ~7
    for at in range(0, whole, 8):
        block = int.from_bytes(data[at : at + 8], "little")
        result = (result ^ mixed(block * FACTOR & WORD) * FACTOR & WORD) * FACTOR & WORD
    if whole < len(data):
        result = (result ^ int.from_bytes(data[whole:], "little")) * FACTOR & WORD
    return mixed(mixed(result) * FACTOR & WORD)


def mixed(word: int) -> int:
    """The upper bits have their say in the lower ones."""
    return word ^ word >> 47
