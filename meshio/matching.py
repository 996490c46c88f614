"""What can be asked of a request. Each matcher is a value; `test()` compiles it.

Semantics are Envoy's (source/common/http/header_utility.cc, source/common/router/config_impl.cc,
source/common/common/matchers.cc). What is compared with the wire is bytes. Regexes are RE2 and match
fully, as in Envoy. Each value of a repeated header is matched alone, except those in `JOINED`.
Paths are compared without their query. `str(matcher)` says the question in words, for `explain`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from random import getrandbits
from typing import Protocol, TypeAlias

import re2

from meshio.errors import Rejected
from meshio.message import PSEUDO_HEADERS, Request

Test: TypeAlias = Callable[[Request], bool]
TextTest: TypeAlias = Callable[[bytes], bool]

# Envoy keeps one value of each of these and joins repetitions with a comma as they arrive (measured on 1.40).
JOINED = frozenset(
    b"accept accept-encoding access-control-request-headers access-control-request-method authorization "
    b"cache-control content-encoding content-type expect grpc-accept-encoding grpc-timeout if-none-match origin "
    b"pragma referer user-agent via x-client-trace-id x-envoy-external-address x-envoy-original-path "
    b"x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id".split()
)
REGEX_OPTIONS = re2.Options()
REGEX_OPTIONS.log_errors = False


class Matcher(Protocol):
    """A question about a request. `str(matcher)` says it in words, for `explain`."""

    def test(self) -> Test: ...


class Text(Protocol):
    """A question about one string (Envoy's StringMatcher)."""

    def test(self) -> TextTest: ...


@lru_cache(maxsize=4096)
def full_match(pattern: bytes) -> TextTest:
    """An RE2 full match. Raises Rejected when the pattern is not RE2."""
    try:
        full = re2.compile(pattern, REGEX_OPTIONS).fullmatch
    except re2.error as error:
        raise Rejected("regex", words(pattern), reason_of(error)) from error
    return lambda value: full(value) is not None


def reason_of(error: Exception) -> str:
    """What RE2 says; its Python binding hands the text over as bytes."""
    (reason,) = error.args or (b"",)
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def words(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def quoted(value: bytes, ignore_case: bool = False) -> str:
    return f"{words(value)!r}" + (" (ignoring case)" if ignore_case else "")


# --- texts ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exact:
    """The whole text. `ignore_case` is about ASCII letters, here and below, as in Envoy."""

    value: bytes
    ignore_case: bool = False

    def test(self) -> TextTest:
        if self.ignore_case:
            lowered = self.value.lower()
            return lambda value: value.lower() == lowered
        return self.value.__eq__

    def __str__(self) -> str:
        return f"is exactly {quoted(self.value, self.ignore_case)}"


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of the text."""

    value: bytes
    ignore_case: bool = False

    def test(self) -> TextTest:
        prefix = self.value
        if self.ignore_case:
            lowered, size = prefix.lower(), len(prefix)
            return lambda value: value[:size].lower() == lowered
        return lambda value: value.startswith(prefix)

    def __str__(self) -> str:
        return f"starts with {quoted(self.value, self.ignore_case)}"


@dataclass(frozen=True, slots=True)
class Suffix:
    """The end of the text."""

    value: bytes
    ignore_case: bool = False

    def test(self) -> TextTest:
        suffix = self.value
        if self.ignore_case:
            lowered = suffix.lower()
            return lambda value: value.lower().endswith(lowered)
        return lambda value: value.endswith(suffix)

    def __str__(self) -> str:
        return f"ends with {quoted(self.value, self.ignore_case)}"


@dataclass(frozen=True, slots=True)
class Contains:
    """Some part of the text."""

    value: bytes
    ignore_case: bool = False

    def test(self) -> TextTest:
        part = self.value
        if self.ignore_case:
            lowered = part.lower()
            return lambda value: lowered in value.lower()
        return lambda value: part in value

    def __str__(self) -> str:
        return f"contains {quoted(self.value, self.ignore_case)}"


@dataclass(frozen=True, slots=True)
class Regex:
    """RE2, over the whole value. Raises Rejected at once when the pattern is not RE2."""

    pattern: bytes

    def __post_init__(self) -> None:
        full_match(self.pattern)

    def test(self) -> TextTest:
        return full_match(self.pattern)

    def __str__(self) -> str:
        return f"matches {quoted(self.pattern)}"


# --- paths ---------------------------------------------------------------------------------------------


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


# --- headers -------------------------------------------------------------------------------------------


def header_test(name: bytes, matches: TextTest, invert: bool, absent: bool) -> Test:
    """Whether any value matches, or with `invert` none; `absent` is the answer when there is no value."""
    found = not invert
    if name in PSEUDO_HEADERS:
        pseudo = PSEUDO_HEADERS[name]
        return lambda request: matches(pseudo(request)) is found
    if name in JOINED:
        return joined_test(name, lambda value: matches(value) is found, absent)

    def test(request: Request) -> bool:
        verdict = absent
        for key, value in request.headers:
            if key == name:
                if matches(value):
                    return found
                verdict = invert
        return verdict

    return test


def joined_test(name: bytes, matches: TextTest, absent: bool) -> Test:
    def test(request: Request) -> bool:
        values = [value for key, value in request.headers if key == name]
        return matches(b",".join(values)) if values else absent

    return test


@dataclass(frozen=True, slots=True)
class Header:
    """A text of a header, or with `invert` none of its values.

    A missing header never matches, not even with `invert`, unless it is to be taken for an empty one.
    """

    name: bytes
    text: Text
    invert: bool = False
    treat_missing_as_empty: bool = False

    def test(self) -> Test:
        matches = self.text.test()
        absent = self.treat_missing_as_empty and matches(b"") is not self.invert
        return header_test(self.name, matches, self.invert, absent)

    def __str__(self) -> str:
        missing = " (missing counts as empty)" if self.treat_missing_as_empty else ""
        return f"header {words(self.name)} {'not: ' if self.invert else ''}{self.text}{missing}"


@dataclass(frozen=True, slots=True)
class HeaderPresent:
    """The header is there, with whatever value; with `present=False` (or `invert`) that it is not."""

    name: bytes
    present: bool = True
    invert: bool = False
    treat_missing_as_empty: bool = False

    def test(self) -> Test:
        wanted = self.present is not self.invert
        absent = wanted if self.treat_missing_as_empty else not wanted
        return header_test(self.name, lambda value: True, not wanted, absent)

    def __str__(self) -> str:
        missing = " (missing counts as empty)" if self.treat_missing_as_empty else ""
        return f"header {words(self.name)} is {'present' if self.present is not self.invert else 'absent'}{missing}"


@dataclass(frozen=True, slots=True)
class HeaderRange:
    """The header is a decimal 64-bit integer from `start` up to, but not including, `end`."""

    name: bytes
    start: int
    end: int
    invert: bool = False
    treat_missing_as_empty: bool = False

    def test(self) -> Test:
        start, end, integer = self.start, self.end, full_match(rb"\s*[+-]?[0-9]+\s*")
        absent = self.treat_missing_as_empty and self.invert

        def matches(value: bytes) -> bool:
            return integer(value) and start <= int(value) < end

        return header_test(self.name, matches, self.invert, absent)

    def __str__(self) -> str:
        return f"header {words(self.name)} {'not ' if self.invert else ''}in [{self.start}, {self.end})"


# --- query parameters and chance -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Query:
    """A text of the first query parameter of that name."""

    name: bytes
    text: Text

    def test(self) -> Test:
        name, matches = self.name, self.text.test()

        def test(request: Request) -> bool:
            value = request.query(name)
            return value is not None and matches(value)

        return test

    def __str__(self) -> str:
        return f"query parameter {words(self.name)} {self.text}"


@dataclass(frozen=True, slots=True)
class QueryPresent:
    """The query parameter is there, with or without a value; with `present=False` that it is not."""

    name: bytes
    present: bool = True

    def test(self) -> Test:
        name, present = self.name, self.present
        return lambda request: (request.query(name) is not None) is present

    def __str__(self) -> str:
        return f"query parameter {words(self.name)} is {'present' if self.present else 'absent'}"


@dataclass(frozen=True, slots=True)
class RuntimeFraction:
    """`numerator` out of `denominator` requests. One draw per request decides for every route, as in Envoy."""

    numerator: int
    denominator: int = 100

    def test(self) -> Test:
        numerator, denominator = self.numerator, self.denominator

        def test(request: Request) -> bool:
            if request.chance is None:
                request.chance = getrandbits(64)
            return request.chance % denominator < numerator

        return test

    def __str__(self) -> str:
        return f"chance is {self.numerator} in {self.denominator}"
