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
from meshio.balancing.policy import C, Pick, Steps, finished, shares_of
from meshio.message import Request

PORTION = 512  # places between two turns of the loop: less than a millisecond
SLICE = 1024  # places that are sorted in one go
COMPACT = 65536  # places beyond which they are kept as machine words


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

    def building(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Steps[C]:
        """Build the pick. A request without a key goes anywhere; one that passes hosts over goes on along the ring.

        Places are sorted slice by slice, so that not even the largest ring is sorted in one go.
        """
        expected = self.size(shares)
        slices: list[list[tuple[int, int]]] = [[] for _ in range(expected // SLICE + 1)]
        part = 2**64 // len(slices) + 1
        keys = yield from self.consistency.keying(candidates)
        places = self.places(keys, shares)
        while portion := list(islice(places, PORTION)):
            for place in portion:
                slices[place[0] // part].append(place)
            yield
        hashes: list[int] | array[int] = array("Q") if expected > COMPACT else []
        owners: list[C] = []
        for each in slices:
            each.sort()
            hashes.extend([place for place, _ in each])
            owners += [candidates[i] for _, i in each]
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

    def places(self, keys: tuple[bytes, ...], shares: tuple[float, ...]) -> Iterator[tuple[int, int]]:
        """Every place on the ring, as (hash, index of its owner). The sums run in floats exactly as Envoy's do."""
        digest = murmur2 if self.murmur else xxh64_intdigest
        scale = self.scale(shares)
        placed = target = 0.0
        for i, (key, share) in enumerate(zip(keys, shares, strict=True)):
            target += scale * share
            copy = 0
            while placed < target:
                yield digest(b"%b_%d" % (key, copy)), i
                copy += 1
                placed += 1
