"""Token buckets that fill continuously (Envoy: token_bucket_impl.cc, `AtomicTokenBucketImpl`)."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """`fill` tokens every `interval` seconds, a fraction of them in a fraction of that, and never more than `size`."""

    size: int
    fill: int
    interval: float

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.fill / self.interval


class Tokens:
    """What is in a bucket. It starts full. Times are those of one clock, in seconds."""

    __slots__ = ("_level", "_then", "bucket")

    def __init__(self, bucket: TokenBucket, now: float) -> None:
        self.bucket = bucket
        self._level = float(bucket.size)
        self._then = now

    def level(self, now: float) -> float:
        """Tokens, and the part of one that is there already."""
        if now > self._then:
            self._level = min(float(self.bucket.size), self._level + (now - self._then) * self.bucket.rate)
            self._then = now
        return self._level

    def take(self, now: float, count: int = 1) -> bool:
        """Take so many, or none if there are fewer; Envoy has no way to take 0."""
        if not 0 < count <= self.level(now):
            return False
        self._level -= count
        return True

    def wait(self, now: float) -> int:
        """Whole seconds until there is a token."""
        missing = 1 - self.level(now)
        return ceil(missing / self.bucket.rate) if missing > 0 else 0
