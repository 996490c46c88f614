"""A ring of hashes: a key belongs to the next candidate on it. Envoy: ring_hash_lb.cc, bit for bit."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from random import getrandbits

from xxhash import xxh64_intdigest

from meshio.balancing.policy import C, Pick, shares_of
from meshio.message import Request


@dataclass(frozen=True, slots=True)
class RingHash:
    """minimum, maximum: bounds of the number of places on the ring (Envoy's defaults)."""

    minimum: int = 1024
    maximum: int = 8 * 1024 * 1024

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick for keys in proportion to the candidates' weights."""
        return self.over_shares(candidates, shares_of(candidates))

    def over_shares(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Pick[C]:
        """Build the pick. A request without a key goes anywhere; one that passes hosts over goes on along the ring."""
        ring = sorted(self.places(candidates, shares))
        hashes = [place for place, _ in ring]
        owners = tuple(candidates[i] for _, i in ring)
        size = len(ring)

        def pick(request: Request) -> C:
            key = request.hash
            if key is None:
                key = getrandbits(64)
            return owners[(bisect_left(hashes, key) + request.passed_over) % size]

        return pick

    def places(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Iterator[tuple[int, int]]:
        """Every place on the ring, as (hash, index of its owner). The sums run in floats exactly as Envoy's do."""
        least = min(shares)
        scale = min(ceil(least * self.minimum) / least, float(self.maximum))
        placed = target = 0.0
        for i, (candidate, share) in enumerate(zip(candidates, shares, strict=True)):
            target += scale * share
            copy = 0
            while placed < target:
                yield xxh64_intdigest(b"%b_%d" % (candidate.key, copy)), i
                copy += 1
                placed += 1
