"""Header additions and removals, at whichever level they are configured (Envoy: header_parser.cc)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from meshio.errors import Rejected
from meshio.message import Header, Headers, Request, Response
from meshio.routing.commands import NOTHING_KNOWN, Known, Render
from meshio.routing.substitution import compile_format

# Envoy keeps one slot for each of these: what is appended joins the value that is there (header_map.h).
JOINED = frozenset(b"cache-control content-encoding content-type via x-envoy-decorator-operation".split())
JOINED_IN_REQUESTS = JOINED | frozenset(
    b"accept accept-encoding authorization grpc-timeout if-none-match origin referer user-agent x-forwarded-for "
    b"x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id".split()
)
JOINED_IN_RESPONSES = JOINED | frozenset(
    b"access-control-allow-origin age date etag expires grpc-message grpc-status last-modified location server "
    b"vary".split()
)

Append: TypeAlias = Literal["append", "add_if_absent", "overwrite", "overwrite_if_exists"]
Change: TypeAlias = Callable[[Request, Response | None], None]


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """One header to set. `value` may hold Envoy's substitution commands (`%REQ(x-user)%`).

    Raises Rejected at once for commands that are not supported and for names that must not be touched.
    """

    name: str
    value: str
    action: Append = "append"
    keep_empty: bool = False

    def __post_init__(self) -> None:
        checked(self.name)
        compile_format(self.name, "header", self.value)


@dataclass(frozen=True, slots=True)
class HeaderMutation:
    """Removals come before additions, as in Envoy. Raises Rejected for names that must not be touched."""

    add: tuple[HeaderValue, ...] = ()
    remove: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.remove:
            checked(name)


NO_MUTATION = HeaderMutation()


def compile_mutation(mutation: HeaderMutation, known: Known = NOTHING_KNOWN) -> Change | None:
    """One level's change to a request (no response yet) or to a response; None when it changes nothing.

    The header list is replaced, never changed in place.
    Envoy evaluates every value against what the removals left, then overwrites, then adds. So an
    `overwrite` never undoes an `append` of the same level, and two `add_if_absent` both add.
    """
    if mutation == NO_MUTATION:
        return None
    removed = frozenset(checked(name) for name in mutation.remove)
    setters = [setter(value, known) for value in mutation.add]
    return change(removed, setters)


Setter: TypeAlias = Callable[[Request, Response | None], Header | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """A compiled HeaderValue: what to set now (or nothing), and whether it replaces what is there."""

    value: Setter
    replaces: bool


def checked(name: str) -> bytes:
    """The name in lower case. Raises Rejected for pseudo-headers and host: rewrites are for those."""
    lower = name.lower()
    if lower.startswith(":") or lower == "host":
        raise Rejected(name, "header", "pseudo-headers and host may not be modified")
    return lower.encode()


def setter(value: HeaderValue, known: Known) -> Setting:
    name = checked(value.name)
    text = compile_format(value.name, "header", value.value, known)
    render = pair(name, text) if isinstance(text, bytes) else formatted(name, text)
    return Setting(conditional(name, render, value), value.action.startswith("overwrite"))


def pair(name: bytes, text: bytes) -> Setter:
    header = (name, text)
    return lambda request, response: header


def formatted(name: bytes, text: Render) -> Setter:
    return lambda request, response: (name, text(request, response))


def conditional(name: bytes, render: Setter, value: HeaderValue) -> Setter:
    """Leave out what is empty (unless it is kept), and what the action does not allow."""
    wanted = {"add_if_absent": False, "overwrite_if_exists": True}.get(value.action)

    def decide(request: Request, response: Response | None) -> Header | None:
        headers = request.headers if response is None else response.headers
        if wanted is not None and any(key == name for key, _ in headers) is not wanted:
            return None
        header = render(request, response)
        return header if header is not None and (header[1] or value.keep_empty) else None

    return decide


def change(removed: frozenset[bytes], settings: list[Setting]) -> Change:
    def apply(request: Request, response: Response | None) -> None:
        target = request if response is None else response
        target.headers = [header for header in target.headers if header[0] not in removed]
        found = [(setting.replaces, setting.value(request, response)) for setting in settings]
        overwritten = {header[0]: header for replaces, header in found if replaces and header is not None}
        if overwritten:
            kept = [header for header in target.headers if header[0] not in overwritten]
            target.headers = [*kept, *overwritten.values()]
        joined = JOINED_IN_REQUESTS if response is None else JOINED_IN_RESPONSES
        for replaces, header in found:
            if not replaces and header is not None:
                append(target.headers, header, joined)

    return apply


def append(headers: Headers, header: Header, joined: frozenset[bytes]) -> None:
    """Add to a list of ours; what Envoy stores once is joined with a comma."""
    name, value = header
    if name in joined:
        for at, (key, old) in enumerate(headers):
            if key == name:
                headers[at] = (name, old + b"," + value)
                return
    headers.append(header)


def compile_levels(levels: Iterable[HeaderMutation], known: Known = NOTHING_KNOWN) -> list[Change]:
    """The levels that change anything, in order."""
    changes = [compile_mutation(level, known) for level in levels]
    return [each for each in changes if each is not None]
