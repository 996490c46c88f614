"""Questions about a header. Each value of a repeated one is matched alone, except those in `JOINED`."""

from dataclasses import dataclass

from meshio.matching.matcher import Test
from meshio.matching.text import Text, TextTest, full_match, words
from meshio.message import PSEUDO_HEADERS, Request

# Envoy keeps one value of each of these and joins repetitions with a comma as they arrive (measured on 1.40).
JOINED = frozenset(
    b"accept accept-encoding access-control-request-headers access-control-request-method authorization "
    b"cache-control content-encoding content-type expect grpc-accept-encoding grpc-timeout if-none-match origin "
    b"pragma referer user-agent via x-client-trace-id x-envoy-external-address x-envoy-original-path "
    b"x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id".split()
)
INTEGER = full_match(rb"\s*[+-]?[0-9]+\s*")
LONGEST_NUMBER = 4000  # characters; Python refuses to read longer ones, and the range of them all is 64 bits


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
        value = joined(request, name)
        return matches(value) if value is not None else absent

    return test


def joined(request: Request, name: bytes) -> bytes | None:
    """What Envoy keeps of the values of a header that it keeps as one: empty ones leave nothing."""
    values = [value for key, value in request.headers if key == name]
    return b",".join(filter(None, values)) if values else None


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


def decimal(value: bytes) -> int | None:
    """A whole number in decimal digits (absl's SimpleAtoi); None for everything else, and for absurdly long ones."""
    return int(value) if len(value) < LONGEST_NUMBER and INTEGER(value) else None


@dataclass(frozen=True, slots=True)
class HeaderRange:
    """The header is a decimal 64-bit integer from `start` up to, but not including, `end`."""

    name: bytes
    start: int
    end: int
    invert: bool = False
    treat_missing_as_empty: bool = False

    def test(self) -> Test:
        start, end = self.start, self.end
        absent = self.treat_missing_as_empty and self.invert

        def matches(value: bytes) -> bool:
            number = decimal(value)
            return number is not None and start <= number < end

        return header_test(self.name, matches, self.invert, absent)

    def __str__(self) -> str:
        return f"header {words(self.name)} {'not ' if self.invert else ''}in [{self.start}, {self.end})"
