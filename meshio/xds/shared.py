"""Equal values, one object: thousands of clusters say the same about limits, protocols and retries.

Fewer objects are less memory, and less that Python's garbage collector walks while the loop waits.
"""

from collections.abc import Hashable
from functools import lru_cache
from typing import TypeVar, cast

H = TypeVar("H", bound=Hashable)


def shared(value: H) -> H:
    """The value, or one that is equal to it and was here before."""
    return cast("H", _first(value))


@lru_cache(maxsize=4096, typed=True)
def _first(value: Hashable) -> Hashable:
    return value
