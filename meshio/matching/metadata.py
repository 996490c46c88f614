"""Questions about what the application says of its request beside the request itself: metadata and filter state.

In a proxy, filters leave such notes; here the application does (`message.Notes`). Without notes every question finds
nothing, as in an Envoy without such filters. Values are those of JSON. Envoy: source/common/common/matchers.cc.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Protocol, TypeAlias

from meshio.matching.matcher import Test
from meshio.matching.text import Text
from meshio.message import Request

ValueTest: TypeAlias = Callable[[object], bool]


class Absent:
    """What is found where there is no note: not even null."""


ABSENT = Absent()


class Value(Protocol):
    """A question about a JSON value (Envoy's ValueMatcher)."""

    def test(self) -> ValueTest: ...


@dataclass(frozen=True, slots=True)
class Null:
    """The value is null."""

    def test(self) -> ValueTest:
        return lambda value: value is None

    def __str__(self) -> str:
        return "is null"


@dataclass(frozen=True, slots=True)
class Present:
    """There is a value, null included. With `wanted=False` it never matches, as in Envoy."""

    wanted: bool = True

    def test(self) -> ValueTest:
        wanted = self.wanted
        return lambda value: wanted and value is not ABSENT

    def __str__(self) -> str:
        return "is present" if self.wanted else "never matches"


@dataclass(frozen=True, slots=True)
class Boolean:
    """The value is this boolean."""

    wanted: bool

    def test(self) -> ValueTest:
        wanted = self.wanted
        return lambda value: value is wanted

    def __str__(self) -> str:
        return f"is {str(self.wanted).lower()}"


@dataclass(frozen=True, slots=True)
class Number:
    """The value is a number from `start` up to, but not including, `end`; without `end` it is `start`."""

    start: float
    end: float | None = None

    def test(self) -> ValueTest:
        start, end = self.start, self.end

        def test(value: object) -> bool:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return value == start if end is None else start <= value < end

        return test

    def __str__(self) -> str:
        return f"is {self.start}" if self.end is None else f"is in [{self.start}, {self.end})"


@dataclass(frozen=True, slots=True)
class Words:
    """The value is a text that answers `text`."""

    text: Text

    def test(self) -> ValueTest:
        matches = self.text.test()
        return lambda value: isinstance(value, str) and matches(value.encode())

    def __str__(self) -> str:
        return str(self.text)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is a list, and one of its items answers `item`."""

    item: Value

    def test(self) -> ValueTest:
        matches = self.item.test()
        return lambda value: isinstance(value, list | tuple) and any(map(matches, value))

    def __str__(self) -> str:
        return f"holds an item that {self.item}"


@dataclass(frozen=True, slots=True)
class Either:
    """The value answers at least one of several questions."""

    values: tuple[Value, ...]

    def test(self) -> ValueTest:
        tests = [value.test() for value in self.values]
        return lambda value: any(test(value) for test in tests)

    def __str__(self) -> str:
        return " or ".join(map(str, self.values))


@dataclass(frozen=True, slots=True)
class Metadata:
    """A value in the request's metadata: of the filter's, the one that `path` leads to."""

    filter: str
    path: tuple[str, ...]
    value: Value
    invert: bool = False

    def test(self) -> Test:
        matches, found, steps = self.value.test(), not self.invert, (self.filter, *self.path)
        nothing = matches(ABSENT) is found

        def test(request: Request) -> bool:
            notes = request.notes
            return nothing if notes is None else matches(reached(notes.metadata, steps)) is found

        return test

    def __str__(self) -> str:
        return f"metadata {'.'.join((self.filter, *self.path))} {'not: ' if self.invert else ''}{self.value}"


def reached(value: object, steps: tuple[str, ...]) -> object:
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return ABSENT
        value = value[step]
    return value


@dataclass(frozen=True, slots=True)
class FilterState:
    """A text of a filter state object."""

    key: str
    text: Text

    def test(self) -> Test:
        key, matches = self.key, self.text.test()

        def test(request: Request) -> bool:
            notes = request.notes
            state = notes.filter_state.get(key) if notes is not None else None
            return state is not None and matches(state.encode())

        return test

    def __str__(self) -> str:
        return f"filter state {self.key} {self.text}"


@dataclass(frozen=True, slots=True)
class FilterStateAddress:
    """A filter state object is an IP address in one of these networks. Raises ValueError at once for no network."""

    key: str
    networks: tuple[str, ...]

    def __post_init__(self) -> None:
        for network in self.networks:
            ip_network(network, strict=False)

    def test(self) -> Test:
        key, networks = self.key, [ip_network(network, strict=False) for network in self.networks]

        def test(request: Request) -> bool:
            notes = request.notes
            state = notes.filter_state.get(key) if notes is not None else None
            if state is None:
                return False
            try:
                address = ip_address(state)
            except ValueError:
                return False
            return any(address in network for network in networks)

        return test

    def __str__(self) -> str:
        return f"filter state {self.key} is in {' or '.join(self.networks)}"
