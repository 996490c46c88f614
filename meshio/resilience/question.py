"""Something asked of a request: a matcher, as filters see it."""

from collections.abc import Callable
from typing import Protocol

from meshio.message import Request


class Question(Protocol):
    """`test()` compiles it."""

    def test(self) -> Callable[[Request], bool]: ...
