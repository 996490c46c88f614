"""What trees of questions ask about: some text of the request, or nothing where it has none.

Envoy: source/common/http/matching/inputs.h, source/common/network/matching/inputs.h, checked on 1.40.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from ipaddress import ip_address
from typing import Protocol, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

from meshio.matching.header import JOINED, joined
from meshio.matching.text import words
from meshio.message import PSEUDO_HEADERS, Request

T = TypeVar("T")
Read: TypeAlias = Callable[[Request], bytes | None]


class Input(Protocol):
    """Some text of the request, or None where it has none."""

    def read(self) -> Read: ...


@dataclass(frozen=True, slots=True)
class HeaderInput:
    """The values of a header, joined by commas."""

    name: bytes

    def read(self) -> Read:
        name = self.name
        if name in PSEUDO_HEADERS:
            return PSEUDO_HEADERS[name]
        if name in JOINED:
            return lambda request: joined(request, name)

        def read(request: Request) -> bytes | None:
            values = [value for key, value in request.headers if key == name]
            return b",".join(values) if values else None

        return read

    def __str__(self) -> str:
        return f"header {words(self.name)}"


@dataclass(frozen=True, slots=True)
class StateInput:
    """A filter state object."""

    key: str

    def read(self) -> Read:
        key = self.key

        def read(request: Request) -> bytes | None:
            state = request.notes.filter_state.get(key) if request.notes is not None else None
            return state.encode() if state is not None else None

        return read

    def __str__(self) -> str:
        return f"filter state {self.key}"


@dataclass(frozen=True, slots=True)
class QueryInput:
    """The first value of a query parameter, without its escapes."""

    name: bytes

    def read(self) -> Read:
        name = self.name

        def read(request: Request) -> bytes | None:
            value = request.query(name)
            return unquote_to_bytes(value) if value is not None else None

        return read

    def __str__(self) -> str:
        return f"query parameter {words(self.name)}"


@dataclass(frozen=True, slots=True)
class PortInput:
    """The port that the request goes to."""

    def read(self) -> Read:
        return lambda request: b"%d" % request.port

    def __str__(self) -> str:
        return "port"


@dataclass(frozen=True, slots=True)
class AddressInput:
    """The instance's own IP; with `forwarded` the last one in x-forwarded-for, where that is one."""

    forwarded: bool = False
    own: str = "127.0.0.1"

    def read(self) -> Read:
        own = self.own.encode()
        if not self.forwarded:
            return lambda request: own

        def read(request: Request) -> bytes | None:
            told = b",".join(value for name, value in request.headers if name == b"x-forwarded-for")
            last = told.rpartition(b",")[2].strip()
            return last if is_address(last) else own

        return read

    def __str__(self) -> str:
        return "address of the caller"


@dataclass(frozen=True, slots=True)
class NothingInput:
    """What no request of an application has, as it comes without TLS."""

    name: str

    def read(self) -> Read:
        return lambda request: None

    def __str__(self) -> str:
        return self.name


def is_address(text: bytes) -> bool:
    try:
        ip_address(text.decode("latin-1"))
    except ValueError:
        return False
    return True


def placed(value: T, address: str) -> T:
    """A tree, or a part of one, that knows the instance's own IP."""
    if isinstance(value, AddressInput):
        return replace(value, own=address)
    if isinstance(value, tuple):
        return type(value)(placed(each, address) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: placed(getattr(value, each.name), address) for each in fields(value)})
    return value
