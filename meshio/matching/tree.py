"""Trees of questions that lead to a decision: xDS's unified matchers.

A tree asks about inputs of the request until it comes to a leaf. A branch without an answer is as if it had not been
met: the next one has its turn, and at last `otherwise`. Envoy: source/common/matcher, checked on 1.40.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Generic, TypeAlias, TypeVar

from xxhash import xxh64_intdigest

from meshio.matching.inputs import Input
from meshio.matching.matcher import Matcher, Test
from meshio.matching.text import Text, TextTest
from meshio.message import Request

A = TypeVar("A")
B = TypeVar("B")
Find: TypeAlias = Callable[[Request], B | None]


@dataclass(frozen=True, slots=True)
class InNetworks:
    """The text is an IP address in one of these networks. Raises ValueError at once for no network."""

    networks: tuple[str, ...]

    def __post_init__(self) -> None:
        for network in self.networks:
            ip_network(network, strict=False)

    def test(self) -> TextTest:
        networks = [ip_network(network, strict=False) for network in self.networks]

        def test(value: bytes) -> bool:
            try:
                address = ip_address(value.decode("latin-1"))
            except ValueError:
                return False
            return any(address in network for network in networks)

        return test

    def __str__(self) -> str:
        return f"is in {' or '.join(self.networks)}"


@dataclass(frozen=True, slots=True)
class HashShare:
    """A share of all texts, by their hash: the same text always gets the same answer."""

    numerator: int
    denominator: int = 100
    seed: int = 0

    def test(self) -> TextTest:
        numerator, denominator, seed = self.numerator, self.denominator, self.seed
        return lambda value: xxh64_intdigest(value, seed) % denominator < numerator

    def __str__(self) -> str:
        return f"hashes into {self.numerator} in {self.denominator}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about an input; without the input it is not answered with yes."""

    input: Input
    question: Text

    def test(self) -> Test:
        read, matches = self.input.read(), self.question.test()

        def test(request: Request) -> bool:
            value = read(request)
            return value is not None and matches(value)

        return test

    def __str__(self) -> str:
        return f"{self.input} {self.question}"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    matcher: Matcher

    def test(self) -> Test:
        test = self.matcher.test()
        return lambda request: not test(request)

    def __str__(self) -> str:
        return f"not ({self.matcher})"


@dataclass(frozen=True, slots=True)
class Every:
    """All of them."""

    matchers: tuple[Matcher, ...]

    def test(self) -> Test:
        tests = [matcher.test() for matcher in self.matchers]
        return lambda request: all(test(request) for test in tests)

    def __str__(self) -> str:
        return " and ".join(f"({matcher})" for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them."""

    matchers: tuple[Matcher, ...]

    def test(self) -> Test:
        tests = [matcher.test() for matcher in self.matchers]
        return lambda request: any(test(request) for test in tests)

    def __str__(self) -> str:
        return " or ".join(f"({matcher})" for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Leaf(Generic[A]):
    """The end of a branch."""

    action: A

    def find(self, bind: Callable[[A], B]) -> Find[B]:
        found = bind(self.action)
        return lambda request: found

    def leaves(self) -> Iterator[A]:
        yield self.action


@dataclass(frozen=True, slots=True)
class InTurn(Generic[A]):
    """The first branch whose matcher holds and which leads somewhere."""

    branches: tuple[tuple[Matcher, "Tree[A]"], ...]
    otherwise: "Tree[A] | None" = None

    def find(self, bind: Callable[[A], B]) -> Find[B]:
        branches = [(matcher.test(), tree.find(bind)) for matcher, tree in self.branches]
        last = end(self.otherwise, bind)

        def find(request: Request) -> B | None:
            for test, inside in branches:
                if test(request) and (found := inside(request)) is not None:
                    return found
            return last(request)

        return find

    def leaves(self) -> Iterator[A]:
        yield from ends(self.branches, self.otherwise)


@dataclass(frozen=True, slots=True)
class ByValue(Generic[A]):
    """The branch whose key the input is; with `prefixes`, of the keys that it begins with the longest that leads on."""

    input: Input
    branches: tuple[tuple[bytes, "Tree[A]"], ...]
    prefixes: bool = False
    otherwise: "Tree[A] | None" = None

    def find(self, bind: Callable[[A], B]) -> Find[B]:
        read, last = self.input.read(), end(self.otherwise, bind)
        within = (longest if self.prefixes else exact)({key: tree.find(bind) for key, tree in self.branches})

        def find(request: Request) -> B | None:
            value = read(request)
            found = within(value, request) if value is not None else None
            return found if found is not None else last(request)

        return find

    def leaves(self) -> Iterator[A]:
        yield from ends(self.branches, self.otherwise)


Tree: TypeAlias = Leaf[A] | InTurn[A] | ByValue[A]
Within: TypeAlias = Callable[[bytes, Request], B | None]


def ends(branches: "tuple[tuple[object, Tree[A]], ...]", otherwise: "Tree[A] | None") -> Iterator[A]:
    """All that branches lead to."""
    for _, tree in branches:
        yield from tree.leaves()
    if otherwise is not None:
        yield from otherwise.leaves()


def end(otherwise: "Tree[A] | None", bind: Callable[[A], B]) -> Find[B]:
    return otherwise.find(bind) if otherwise is not None else lambda request: None


def exact(branches: dict[bytes, Find[B]]) -> Within[B]:
    def within(value: bytes, request: Request) -> B | None:
        inside = branches.get(value)
        return inside(request) if inside is not None else None

    return within


def longest(branches: dict[bytes, Find[B]]) -> Within[B]:
    """One lookup for each length that a key has."""
    lengths = sorted({len(key) for key in branches}, reverse=True)

    def within(value: bytes, request: Request) -> B | None:
        for length in lengths:
            inside = branches.get(value[:length]) if length <= len(value) else None
            if inside is not None and (found := inside(request)) is not None:
                return found
        return None

    return within
