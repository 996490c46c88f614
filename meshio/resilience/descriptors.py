"""What a rate limit counts by: descriptors, made of a request (Envoy: router_ratelimit.cc, measured on 1.40).

A route says how to make them (`Limit`); each is a list of key and value. An action that has nothing to say of a
request makes no descriptor at all, unless it says that it may be left out.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal, Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

from meshio.message import PSEUDO_HEADERS, Request
from meshio.resilience.question import Question

NUMBER = re.compile(rb"\s*[+-]?(?:(0[xX][0-9a-fA-F]+)|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")
MOST_HITS = 1_000_000_000
Entry: TypeAlias = tuple[str, bytes]
Descriptor: TypeAlias = tuple[Entry, ...]
Say: TypeAlias = Callable[[Request], Entry | Literal["nothing", "left out"]]


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of every request of a route: the cluster it goes to, and the instance's own IP.

    `render` compiles a substitution command.
    """

    cluster: str
    address: str
    render: Callable[[str], Callable[[Request], bytes]] | None = None


class Action(Protocol):
    """One entry of a descriptor."""

    def say(self, caller: Caller) -> Say:
        """Compile it: what it says of a request."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same for every request (generic_key)."""

    key: str
    value: bytes

    def say(self, caller: Caller) -> Say:
        entry = (self.key, self.value)
        return lambda request: entry


@dataclass(frozen=True, slots=True)
class OfMetadata:
    """A text in the request's metadata, where `path` leads to, or `default` where that is not empty."""

    path: tuple[str, ...]
    key: str
    default: str = ""
    optional: bool = False

    def say(self, caller: Caller) -> Say:
        key, default, missing = self.key, self.default.encode(), absent(self.optional)

        def say(request: Request) -> Entry | Literal["nothing", "left out"]:
            found: object = request.notes.metadata if request.notes is not None else None
            for step in self.path:
                found = found.get(step) if isinstance(found, Mapping) else None
            value = found.encode() if isinstance(found, str) else b""
            return (key, value or default) if value or default else missing

        return say


@dataclass(frozen=True, slots=True)
class OfHeader:
    """The first value of a header. `optional`: a request without it has a descriptor without this entry."""

    name: bytes
    key: str
    optional: bool = False

    def say(self, caller: Caller) -> Say:
        name = self.name
        return saying(self.key, PSEUDO_HEADERS.get(name) or (lambda request: request.header(name)), self.optional)


@dataclass(frozen=True, slots=True)
class OfQuery:
    """The first value of a query parameter, without its escapes."""

    name: bytes
    key: str
    optional: bool = False

    def say(self, caller: Caller) -> Say:
        name = self.name

        def read(request: Request) -> bytes | None:
            value = request.query(name)
            return unquote_to_bytes(value) if value is not None else None

        return saying(self.key, read, self.optional)


@dataclass(frozen=True, slots=True)
class OfAddress:
    """The instance's own IP, or the network of it (bits of a mask for each family)."""

    masks: tuple[int, int] | None = None

    def say(self, caller: Caller) -> Say:
        entry = ("remote_address", caller.address.encode())
        if self.masks is not None:
            mask = self.masks[":" in caller.address]
            entry = ("masked_remote_address", str(ip_network(f"{caller.address}/{mask}", strict=False)).encode())
        return lambda request: entry


@dataclass(frozen=True, slots=True)
class OfCluster:
    """The cluster that the request goes to."""

    def say(self, caller: Caller) -> Say:
        entry = ("destination_cluster", caller.cluster.encode())
        return lambda request: entry


@dataclass(frozen=True, slots=True)
class OfMatch:
    """A value for requests that match all of the questions, or with `expected=False` not all."""

    key: str
    value: bytes
    questions: tuple[Question, ...]
    expected: bool = True

    def say(self, caller: Caller) -> Say:
        tests, expected, entry = [question.test() for question in self.questions], self.expected, (self.key, self.value)
        return lambda request: entry if all(test(request) for test in tests) is expected else "nothing"


def saying(key: str, read: Callable[[Request], bytes | None], optional: bool) -> Say:
    """What `read` finds, under a key."""
    missing = absent(optional)

    def say(request: Request) -> Entry | Literal["nothing", "left out"]:
        value = read(request)
        return (key, value) if value is not None else missing

    return say


def absent(optional: bool) -> Literal["nothing", "left out"]:
    return "left out" if optional else "nothing"


@dataclass(frozen=True, slots=True)
class Limit:
    """How one descriptor is made (Envoy's RateLimit).

    stage   filters look at the limits of their own stage
    hits    tokens that a request takes, None for one
    form    a substitution command that says instead how many; where that is no number, there is no descriptor
    """

    actions: tuple[Action, ...]
    stage: int = 0
    hits: int | None = None
    form: str = ""


Describe: TypeAlias = Callable[[Request], list[tuple[Descriptor, int]]]


def describing(limits: Iterable[Limit], caller: Caller) -> Describe:
    """The descriptors of a request, each with the tokens that it takes."""
    makers = [([action.say(caller) for action in limit.actions], counting(limit, caller)) for limit in limits]

    def describe(request: Request) -> list[tuple[Descriptor, int]]:
        made = [(made_of(says, request), count(request)) for says, count in makers]
        return [(descriptor, hits) for descriptor, hits in made if descriptor is not None and hits is not None]

    return describe


def counting(limit: Limit, caller: Caller) -> Callable[[Request], int | None]:
    """How many tokens a request takes; None for what is not counted at all."""
    if limit.form and caller.render is not None:
        render = caller.render(limit.form)
        return lambda request: number(render(request))
    hits = 1 if limit.hits is None else limit.hits
    return lambda request: hits


def number(text: bytes) -> int | None:
    """A number from 0 on, its fraction cut off; None for anything else, and for more than any bucket holds."""
    found = NUMBER.fullmatch(text)
    if found is None:
        return None
    value = float.fromhex(text.decode()) if found[1] else float(text)
    return int(value) if 0 <= value <= MOST_HITS else None


def made_of(says: list[Say], request: Request) -> Descriptor | None:
    entries: list[Entry] = []
    for say in says:
        match say(request):
            case "nothing":
                return None
            case "left out":
                pass
            case (key, value):
                entries.append((key, value))
    return tuple(entries)
