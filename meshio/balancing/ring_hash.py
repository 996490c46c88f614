"""A ring of hashes: a key belongs to the next candidate on it. Envoy: ring_hash_lb.cc, bit for bit."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil
from random import getrandbits

from xxhash import xxh64_intdigest

from meshio.balancing.consistent import USUAL, Consistency
from meshio.balancing.murmur import murmur2
from meshio.balancing.policy import C, Pick, Steps, finished, shares_of, weighing
from meshio.message import Request

PORTION = 512  # places between two turns of the loop: less than a millisecond
SLICE = 1024  # places that are sorted in one go
COMPACT = 65536  # places beyond which they are kept as machine words
OWNER_BITS = 23  # as many hosts as there may be places
OWNER = 2**OWNER_BITS - 1


@dataclass(frozen=True, slots=True)
class RingHash:
    """minimum, maximum   bounds of the number of places on the ring (Envoy's defaults)
    murmur             places are found by MurmurHash2; keys of requests are not
    """

    minimum: int = 1024
    maximum: int = 8 * 1024 * 1024
    murmur: bool = False
    consistency: Consistency = USUAL

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick for keys in proportion to the candidates' weights."""
        return self.over_shares(candidates, shares_of(candidates))

    def over_shares(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Pick[C]:
        """Build the pick in one go."""
        return finished(self.building(candidates, shares))

    def building(self, candidates: tuple[C, ...], shares: tuple[float, ...] | None = None) -> Steps[C]:
        """Build the pick. A request without a key goes anywhere; one that passes hosts over goes on along the ring.

        Places are sorted slice by slice, so that not even the largest ring is sorted in one go.
        """
        shares = shares or (yield from weighing(candidates))
        expected = self.size(shares)
        bits = (expected // SLICE).bit_length()
        slices: list[list[int]] = [[] for _ in range(1 << bits)]
        shift = 64 + OWNER_BITS - bits
        keys = yield from self.consistency.keying(candidates)
        places = self.places(keys, shares)
        while portion := list(islice(places, PORTION)):
            for place in portion:
                slices[place >> shift].append(place)
            yield
        hashes: list[int] | array[int] = array("Q") if expected > COMPACT else []
        owners: list[C] = []
        for each in slices:
            each.sort()
            hashes.extend([place >> OWNER_BITS for place in each])
            owners += [candidates[place & OWNER] for place in each]
            each.clear()
            yield
        size = len(owners)

        def pick(request: Request) -> C:
            key = request.hash
            if key is None:
                key = getrandbits(64)
            return owners[(bisect_left(hashes, key) + request.passed_over) % size]

        return pick

    def size(self, shares: tuple[float, ...]) -> int:
        """How many places there are to be, so that the lightest candidate has a whole number of them."""
        return ceil(self.scale(shares))

    def scale(self, shares: tuple[float, ...]) -> float:
        least = min(shares)
        return min(ceil(least * self.minimum) / least, float(self.maximum))

    def places(self, keys: tuple[bytes, ...], shares: tuple[float, ...]) -> Iterator[int]:
        """Every place on the ring: its hash, and in the lowest bits the index of its owner.

        One number sorts faster than two, and is none of the objects that the garbage collector walks. The sums run in
        floats exactly as Envoy's do.
        """
        digest = murmur2 if self.murmur else xxh64_intdigest
        scale = self.scale(shares)
        placed, target = 0, 0.0
        for i, (key, share) in enumerate(zip(keys, shares, strict=True)):
            target += scale * share
            copies, prefix = max(ceil(target) - placed, 0), key + b"_"
            placed += copies
            for start in range(0, copies, PORTION):
                numbers = NUMBERS[:copies] if copies <= PORTION else numbered(start, min(start + PORTION, copies))
                yield from [digest(prefix + number) << OWNER_BITS | i for number in numbers]


def numbered(start: int, end: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, end)]


NUMBERS = numbered(0, PORTION)
