"""Questions about the path, which is compared without its query."""

import re
from dataclasses import dataclass

from meshio.matching.matcher import Test
from meshio.matching.text import Exact, Prefix, full_match, quoted
from meshio.message import Request

PARAMETERS = re.compile(rb";[^/]*")


def without_query(path: bytes) -> bytes:
    return path[: path.index(b"?")] if b"?" in path else path


@dataclass(frozen=True, slots=True)
class Path:
    """The whole path, without query."""

    value: bytes
    ignore_case: bool = False

    def test(self) -> Test:
        matches = Exact(self.value, self.ignore_case).test()
        return lambda request: matches(without_query(request.path))

    def __str__(self) -> str:
        return f"path is exactly {quoted(self.value, self.ignore_case)}"


@dataclass(frozen=True, slots=True)
class PathPrefix:
    """The beginning of the path, wherever it ends."""

    value: bytes
    ignore_case: bool = False

    def test(self) -> Test:
        prefix = self.value
        if b"?" in prefix:  # the path that is compared has no query
            return lambda request: False
        if self.ignore_case:
            matches = Prefix(prefix, ignore_case=True).test()
            return lambda request: matches(request.path)
        return lambda request: request.path.startswith(prefix)

    def __str__(self) -> str:
        return f"path starts with {quoted(self.value, self.ignore_case)}"


@dataclass(frozen=True, slots=True)
class PathSeparatedPrefix:
    """Whole segments at the beginning of the path: `/api` takes `/api` and `/api/x`, not `/apis`."""

    value: bytes
    ignore_case: bool = False

    def test(self) -> Test:
        whole = Exact(self.value, self.ignore_case).test()
        below = Prefix(self.value + b"/", self.ignore_case).test()

        def test(request: Request) -> bool:
            path = without_query(request.path)
            return whole(path) or below(path)

        return test

    def __str__(self) -> str:
        return f"path is {quoted(self.value, self.ignore_case)} or below it"


@dataclass(frozen=True, slots=True)
class PathRegex:
    """RE2, over the whole path. Envoy's `case_sensitive: false` does nothing here."""

    pattern: bytes

    def __post_init__(self) -> None:
        full_match(self.pattern)

    def test(self) -> Test:
        matches = full_match(self.pattern)
        return lambda request: matches(without_query(request.path))

    def __str__(self) -> str:
        return f"path matches {quoted(self.pattern)}"


@dataclass(frozen=True, slots=True)
class BarePath:
    """A question about the path without the parameters of its segments: `/a;v=1/b;w` counts as `/a/b`."""

    matcher: Path | PathPrefix | PathSeparatedPrefix | PathRegex

    def test(self) -> Test:
        test = self.matcher.test()

        def bare(request: Request) -> bool:
            path = request.path
            if b";" not in path:
                return test(request)
            request.path = PARAMETERS.sub(b"", without_query(path))
            try:
                return test(request)
            finally:
                request.path = path

        return bare

    def __str__(self) -> str:
        return f"{self.matcher}, without parameters"
