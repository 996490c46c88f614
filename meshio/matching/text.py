"""Questions about one string (Envoy's StringMatcher). Regexes are RE2 and match fully, as in Envoy."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias

import re2

from meshio.errors import Rejected

TextTest: TypeAlias = Callable[[bytes], bool]

REGEX_OPTIONS = re2.Options()
REGEX_OPTIONS.log_errors = False


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


def program_size(pattern: bytes) -> int:
    """How many steps the program of a pattern has: a match takes at most so long a character. Raises Rejected."""
    try:
        size: int = re2.compile(pattern, REGEX_OPTIONS).programsize
    except re2.error as error:
        raise Rejected("regex", words(pattern), reason_of(error)) from error
    return size


def reason_of(error: Exception) -> str:
    """What RE2 says; its Python binding hands the text over as bytes."""
    (reason,) = error.args or (b"",)
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def words(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def quoted(value: bytes, ignore_case: bool = False) -> str:
    return f"{words(value)!r}" + (" (ignoring case)" if ignore_case else "")


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
