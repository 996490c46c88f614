"""What can be asked of a request. Each matcher is a value; `test()` compiles it.

Semantics are Envoy's (source/common/http/header_utility.cc, source/common/router/config_impl.cc,
source/common/common/matchers.cc). Regexes are RE2 and match fully, as in Envoy. Each value of a
repeated header is matched alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import random
from typing import Protocol, TypeAlias

import re2

from meshio.message import Request

Test: TypeAlias = Callable[[Request], bool]
TextTest: TypeAlias = Callable[[bytes], bool]


class Matcher(Protocol):
    """A question about a request. `str(matcher)` says it in words, for `explain`."""

    def test(self) -> Test: ...


class Text(Protocol):
    """A question about one string (Envoy's StringMatcher)."""

    def test(self) -> TextTest: ...
