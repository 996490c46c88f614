"""What was worked out before, for keys that come again and again: the names, pairs and lines of headers."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
S = TypeVar("S", bytes, str)
V = TypeVar("V")

MOST = 4096  # entries; who fills it with keys that never come again makes it start anew
LONGEST = 128  # bytes of a key that is worth a place

# Values of these are secret, or never come again.
PASSING = frozenset(
    (
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"set-cookie",
        b"traceparent",
        b"x-b3-spanid",
        b"x-b3-traceid",
        b"x-request-id",
    )
)


class Memo(dict[K, V]):
    """`memo[key]` is what `__missing__` of a subclass made of the key, the first time, if that let it `keep` it.

    A plain dict's look-up, so `map(memo.__getitem__, keys)` runs in C: a quarter of what an `lru_cache` costs.
    """

    __slots__ = ()

    def keep(self, key: K, value: V) -> V:
        if len(self) >= MOST:
            self.clear()
        self[key] = value
        return value


class Short(Memo[S, V]):
    """`memo[key]` is what `make(key)` returned, remembered for short keys; what it raises is not."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[S], V]) -> None:
        super().__init__()
        self._make: Callable[[S], V] = make

    def __missing__(self, key: S) -> V:
        value = self._make(key)
        return self.keep(key, value) if len(key) <= LONGEST else value
