"""Substitution commands about what is said to filters: metadata of the request and of the configuration, filter state.

Envoy: stream_info_formatter.cc, checked on 1.40. Texts are themselves, all else is compact JSON with sorted keys; null
and what is missing say nothing. Of endpoints only what balancing and Istio go by is kept, so that a command that
asks for more is not compiled.
"""

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

from meshio.matching.metadata import ABSENT, reached
from meshio.message import Request, Response
from meshio.routing.arguments import Compile
from meshio.routing.commands import Command, Known, Render

Value: TypeAlias = Callable[[Request, Response | None], object]
CompileValue: TypeAlias = Callable[[str, Known], Value | None]

SOURCES = frozenset(("CLUSTER", "DYNAMIC", "ROUTE", "UPSTREAM_HOST", "VIRTUAL_HOST"))
KEPT = (("envoy.lb",), ("envoy.transport_socket_match", "tlsMode"), ("envoy.transport_socket_match", "tunnel"))
"""Of endpoints; and `istio`'s `workload`."""


def written(value: object) -> bytes:
    """A JSON value as a header says it."""
    if value is ABSENT or value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    return json.dumps(numbered(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def numbered(value: object) -> object:
    """With whole numbers without a point, as protobuf writes them."""
    if isinstance(value, Mapping):
        return {str(name): numbered(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [numbered(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def metadata_value(source: str, steps: tuple[str, ...], known: Known) -> Value | None:
    """What a source says at the end of a path; None where that is not kept."""
    if source == "DYNAMIC":
        return lambda request, response: reached(request.notes.metadata, steps) if request.notes is not None else ABSENT
    if source == "UPSTREAM_HOST" and not any(steps[: len(each)] == each for each in (*KEPT, ("istio", "workload"))):
        return None
    look = known.metadata
    return lambda request, response: reached(look(source, request, response), steps)


def of_source(source: str) -> CompileValue:
    """`filter:key:key`, of one source."""

    def compile_value(argument: str, known: Known) -> Value | None:
        return metadata_value(source, tuple(argument.split(":")), known) if argument else None

    return compile_value


def any_source(argument: str, known: Known) -> Value | None:
    """`SOURCE:filter:key:key`."""
    source, _, path = argument.partition(":")
    return metadata_value(source, tuple(path.split(":")), known) if source in SOURCES else None


def upstream_value(argument: str, known: Known) -> Value | None:
    """`filter:key:key`, or the same as a JSON list of texts."""
    if not argument.startswith("["):
        return of_source("UPSTREAM_HOST")(argument, known)
    try:
        steps = json.loads(argument)
    except ValueError:
        return None
    return metadata_value("UPSTREAM_HOST", tuple(map(str, steps)), known)


def in_words(compile_value: CompileValue) -> Compile:
    """The command that writes a value."""

    def compile_command(argument: str, known: Known) -> Render | None:
        value = compile_value(argument, known)
        return None if value is None else lambda request, response: written(value(request, response))

    return compile_command


def filter_state(argument: str, known: Known) -> Command | None:
    """`key`, `key:TYPED`, `key:PLAIN` or `key:FIELD:name`. What the application leaves are texts, without fields."""
    key, _, form = argument.partition(":")
    kind, _, field = form.partition(":")
    if not key or (form not in ("", "TYPED", "PLAIN") and not (kind == "FIELD" and field)):
        return None
    if kind == "FIELD":
        return b""
    quoted = form != "PLAIN"

    def render(request: Request, response: Response | None) -> bytes:
        text = request.notes.filter_state.get(key) if request.notes is not None else None
        if text is None:
            return b""
        return json.dumps(text, ensure_ascii=False).encode() if quoted else text.encode()

    return render


VALUES: dict[str, CompileValue] = {
    "CLUSTER_METADATA": of_source("CLUSTER"),
    "DYNAMIC_METADATA": of_source("DYNAMIC"),
    "METADATA": any_source,
    "UPSTREAM_METADATA": upstream_value,
}
"""Commands that are any JSON value: in JSON they keep their type."""

TELLING: dict[str, Compile] = {name: in_words(compile_value) for name, compile_value in VALUES.items()}
TELLING["FILTER_STATE"] = filter_state

UNCUT = ("CLUSTER_METADATA", "UPSTREAM_METADATA")
"""Those of them that take no length."""
