"""What was worked out before, for keys that come again and again: the names, pairs and lines of headers."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 4096  # entries; who fills it with keys that never come again makes it start anew
LONGEST = 128  # bytes of a key that is worth a place
SECRET = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"})


class Memo(dict[K, V]):
    """`memo[key]` is what `make(key)` returned, the first time; what it raises is not remembered.

    A plain dict's look-up, so `map(memo.__getitem__, keys)` runs in C: a quarter of what an `lru_cache` costs.
    `keeps` says which keys are worth a place.
    """

    __slots__ = ("_keeps", "_make")

    def __init__(self, make: Callable[[K], V], keeps: Callable[[K], bool] = lambda key: True) -> None:
        super().__init__()
        self._make = make
        self._keeps = keeps

    def __missing__(self, key: K) -> V:
        value = self._make(key)
        if self._keeps(key):
            if len(self) >= MOST:
                self.clear()
            self[key] = value
        return value


def common(header: tuple[bytes, bytes]) -> bool:
    """Whether a header is worth a place: neither long nor secret. The name is in lower case."""
    name, value = header
    return len(value) <= LONGEST and len(name) <= LONGEST and name not in SECRET


def short(key: bytes | str) -> bool:
    """Whether a key is worth a place."""
    return len(key) <= LONGEST
