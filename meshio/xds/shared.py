"""Equal values, one object: thousands of clusters say the same about limits, protocols and retries.

Fewer objects are less memory, and less that Python's garbage collector walks while the loop waits.
"""

from collections.abc import Hashable
from functools import lru_cache
from typing import TypeVar, cast

T = TypeVar("T")


def shared(value: T) -> T:
    """The value, or one that is equal to it and was here before. It has to be hashable, and frozen."""
    return cast("T", _first(value))


@lru_cache(maxsize=4096, typed=True)
def _first(value: Hashable) -> Hashable:
    return value
