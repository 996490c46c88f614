"""Matcher: what every question about a request offers."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from meshio.message import Request

Test: TypeAlias = Callable[[Request], bool]


class Matcher(Protocol):
    """A question about a request. `str(matcher)` says it in words, for `explain`."""

    def test(self) -> Test: ...
