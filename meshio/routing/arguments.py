"""Envoy's substitution commands that take an argument. As `commands.py`, which has the others."""

import os
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from meshio.message import Request, Response
from meshio.routing.commands import Command, Known, Render, grpc_status, request_value, value_of
from meshio.routing.timestamp import compile_time
from meshio.routing.words import GRPC_NAMES

HEADERS = re.compile(r"(?!\?$):?[!#$&'*+.^_`|~0-9A-Za-z-]*(?:\?:?[!#$&'*+.^_`|~0-9A-Za-z-]*)?")

Compile: TypeAlias = Callable[[str, Known], Command | None]


class Silence(bytes):
    """Nothing, of which it is known that it is not an empty text."""


SILENT = Silence()
EXACT = frozenset(("REQ", "REQUEST_HEADER", "RESP", "RESPONSE_HEADER"))
"""Commands that tell an empty text from nothing at all."""


def header_of(read: Callable[[Request, Response | None, bytes], bytes | None]) -> Compile:
    """`name?alternative`: the first value of the first of the two headers that is there."""

    def compile_header(argument: str, known: Known) -> Render | None:
        names = [each.lower().encode() for each in argument.split("?")]
        if not argument or not HEADERS.fullmatch(argument):
            return None

        def render(request: Request, response: Response | None) -> bytes:
            return next((value for name in names if (value := read(request, response, name)) is not None), SILENT)

        return render

    return compile_header


REQUEST = header_of(lambda request, response, name: request_value(request, name))
RESPONSE = header_of(lambda request, response, name: value_of(response, name))


def nothing(argument: str, known: Known) -> Command | None:
    """Nothing that a client has says it: b""."""
    return b"" if argument else None


def started(local: bool) -> Compile:
    """When the request began, in UTC or as the machine's clock has it."""

    def compile_start(argument: str, known: Known) -> Render | None:
        write, clock = compile_time(argument, local), known.clock
        return None if write is None else lambda request, response: write(request.began_at(clock()))

    return compile_start


def emitted(local: bool) -> Compile:
    """The time now."""

    def compile_now(argument: str, known: Known) -> Render | None:
        write, clock = compile_time(argument, local), known.clock
        return None if write is None else lambda request, response: write(clock())

    return compile_now


def details(argument: str, known: Known) -> Command:
    """What became of the request; no argument changes it, as it never holds blanks."""
    return lambda request, response: request.record.details.encode()


HOSTS: dict[str, Callable[[Request], bytes]] = {
    "HOST": lambda request: request.authority,
    "ORIG": lambda request: request.header(b"x-envoy-original-host") or b"",
    "ORIG_OR_HOST": lambda request: request.header(b"x-envoy-original-host") or request.authority,
}


def server_name(argument: str, known: Known) -> Command | None:
    """Of the caller's TLS, which there is none of; so it is the host, if that may stand in for it."""
    source, which = (*argument.split(":"), "")[:2]
    read = HOSTS.get(which or "ORIG_OR_HOST")
    if source not in ("", "SNI_ONLY", "SNI_FIRST", "HOST_FIRST") or read is None:
        return None
    chosen = read
    return b"" if source in ("", "SNI_ONLY") else lambda request, response: chosen(request)


def environment(argument: str, known: Known) -> Command | None:
    return os.environb.get(argument.encode(), b"-") if argument else None


ORIGINAL = b"x-envoy-original-path"


def original(request: Request) -> bytes:
    return request.header(ORIGINAL) or b""


PATHS: dict[str, Callable[[Request], bytes]] = {
    "PATH": lambda request: request.path,
    "ORIG": original,
    "ORIG_OR_PATH": lambda request: original(request) or request.path,
}


def path(argument: str, known: Known) -> Command | None:
    """`PATH(WQ|NQ:PATH|ORIG|ORIG_OR_PATH)`: with or without query, as it is or as it was."""
    query, _, which = argument.partition(":")
    read = PATHS.get(which or "ORIG_OR_PATH")
    if read is None or query not in ("", "WQ", "NQ"):
        return None
    chosen = read
    if query == "NQ":
        return lambda request, response: chosen(request).partition(b"?")[0]
    return lambda request, response: chosen(request)


def query_parameter(argument: str, known: Known) -> Command | None:
    """The first value of a query parameter, decoded."""
    name = argument.encode()
    if not name:
        return None
    return lambda request, response: unquote_to_bytes(request.query(name) or b"")


def query_parameters(argument: str, known: Known) -> Command | None:
    """The query, as it is written."""
    if argument not in ("", "ORIG"):
        return None
    return lambda request, response: request.path.partition(b"?")[2]


def grpc_word(argument: str, known: Known) -> Command | None:
    """The gRPC status as a name or a number."""
    form = {"": 0, "CAMEL_STRING": 0, "SNAKE_STRING": 1, "NUMBER": 2}.get(argument)
    if form is None:
        return None
    at = form

    def render(request: Request, response: Response | None) -> bytes:
        status = grpc_status(request, response)
        return GRPC_NAMES[status][at] if status in GRPC_NAMES and at < 2 else status

    return render


TAKING: dict[str, Compile] = {
    "REQ": REQUEST,
    "REQUEST_HEADER": REQUEST,
    "RESP": RESPONSE,
    "RESPONSE_HEADER": RESPONSE,
    "TRAILER": nothing,  # there are none yet, when headers are made
    "RESPONSE_TRAILER": nothing,
    "UPSTREAM_FILTER_STATE": nothing,
    "START_TIME": started(local=False),
    "START_TIME_LOCAL": started(local=True),
    "EMIT_TIME": emitted(local=False),
    "EMIT_TIME_LOCAL": emitted(local=True),
    "REQUESTED_SERVER_NAME": server_name,
    "RESPONSE_CODE_DETAILS": details,
    "ENVIRONMENT": environment,
    "PATH": path,
    "QUERY_PARAM": query_parameter,
    "QUERY_PARAMS": query_parameters,
    "GRPC_STATUS": grpc_word,
}
"""Commands that take an argument; None for an argument that they do not take."""

UNCUT = (
    *("START_TIME", "START_TIME_LOCAL", "EMIT_TIME", "EMIT_TIME_LOCAL", "GRPC_STATUS", "REQUESTED_SERVER_NAME"),
    "RESPONSE_CODE_DETAILS",
)
"""Those of them that take no length."""
