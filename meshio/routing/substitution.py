"""Envoy's substitution commands in header values: `%REQ(x-user?:path):10%`, `%PROTOCOL%` and their kin.

Envoy: substitution_formatter.cc, stream_info_formatter.cc, http_formatter.cc. A command that has nothing to
say gives "". Commands that a client cannot answer truly (sockets, clocks, certificates, downstream TLS) are
rejected when the text is compiled.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshio.errors import Rejected
from meshio.message import Request, Response, told_scheme

Render: TypeAlias = Callable[[Request, Response | None], bytes]
COMMAND = re.compile(r"%%|%([A-Z_0-9]+)(?:\(([^)]*)\))?(?::(\d+))?%|%")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about every request of a route when it is compiled.

    address   the instance's own IP: the downstream address of all its requests
    """

    route: str = ""
    cluster: str = ""
    address: str = "127.0.0.1"


NOTHING_KNOWN = Known()


def compile_format(resource: str, field: str, text: str, known: Known = NOTHING_KNOWN) -> bytes | Render:
    """Compile a header value: bytes when it is constant, else a function of request and response.

    Raises Rejected(resource, field, ...) for malformed commands and for those that are not supported.
    """
    parts: list[bytes | Render] = []
    at = 0
    for found in COMMAND.finditer(text):
        parts.append(text[at : found.start()].encode())
        at = found.end()
        parts.append(part(resource, field, found, known))
    parts.append(text[at:].encode())
    return joined([each for each in folded(parts) if each != b""])


def part(resource: str, field: str, found: "re.Match[str]", known: Known) -> bytes | Render:
    whole, (name, argument, length) = found[0], found.groups()
    if whole == "%%":
        return b"%"
    if whole == "%":
        raise Rejected(resource, field, f"malformed substitution command in {found.string!r}")
    command = look_up(name, argument, known)
    if command is None:
        raise Rejected(resource, field, f"substitution command {whole} is not supported")
    return command if length is None else cut(command, int(length))


def look_up(name: str, argument: str | None, known: Known) -> bytes | Render | None:
    """The command's constant or its function; None when there is no such command (with this kind of argument)."""
    if argument is not None:
        return headed(name, argument)
    constants = {
        "PROTOCOL": "HTTP/1.1",
        "ROUTE_NAME": known.route,
        "UPSTREAM_CLUSTER": known.cluster,
        "UPSTREAM_CLUSTER_RAW": known.cluster,
        "DOWNSTREAM_REMOTE_ADDRESS": f"{known.address}:0",
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": known.address,
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": f"{known.address}:0",
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": known.address,
    }
    return constants[name].encode() if name in constants else COMMANDS.get(name)


def headed(name: str, argument: str) -> Render | None:
    """`REQ(name?alternative)`: the first value of the first of the two headers that is there."""
    wanted = [each.strip().lower().encode() for each in argument.split("?")]
    if not all(wanted) or len(wanted) > 2:
        return None
    if name in ("REQ", "REQUEST_HEADER"):
        return lambda request, response: first_of(wanted, lambda each: request_value(request, each))
    if name in ("RESP", "RESPONSE_HEADER"):
        return lambda request, response: first_of(wanted, lambda each: value_of(response, each))
    return None


def first_of(names: list[bytes], read: Callable[[bytes], bytes | None]) -> bytes:
    return next((value for name in names if (value := read(name)) is not None), b"")


def request_value(request: Request, name: bytes) -> bytes | None:
    """A request header or pseudo-header; `x-envoy-original-path` and the like are plain headers."""
    match name:
        case b":path":
            return request.path
        case b":authority" | b"host":
            return request.authority
        case b":method":
            return request.method
        case b":scheme":
            return told_scheme(request)
    return request.header(name)


def value_of(response: Response | None, name: bytes) -> bytes | None:
    if response is None:
        return None
    return b"%d" % response.status if name == b":status" else response.header(name)


def endpoint(request: Request, response: Response | None) -> bytes:
    """The last attempt's host; Envoy has not picked one when request headers are made."""
    return b"" if response is None else request.record.endpoint.encode()


COMMANDS: dict[str, Render] = {
    "UPSTREAM_HOST": endpoint,
    "UPSTREAM_REMOTE_ADDRESS": endpoint,
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda request, response: endpoint(request, response).rpartition(b":")[0],
    "UPSTREAM_REMOTE_PORT": lambda request, response: endpoint(request, response).rpartition(b":")[2],
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": lambda request, response: b"%d" % max(1, request.record.attempts),
    "RESPONSE_CODE": lambda request, response: b"0" if response is None else b"%d" % response.status,
    "RESPONSE_FLAGS": lambda request, response: ",".join(request.record.flags).encode() or b"-",
    "RESPONSE_CODE_DETAILS": lambda request, response: request.record.details.encode(),
}


def cut(command: bytes | Render, length: int) -> bytes | Render:
    if isinstance(command, bytes):
        return command[:length]
    return lambda request, response: command(request, response)[:length]


def folded(parts: list[bytes | Render]) -> list[bytes | Render]:
    """Neighbouring constants become one."""
    result: list[bytes | Render] = []
    for each in parts:
        if isinstance(each, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += each
        else:
            result.append(each)
    return result


def joined(parts: list[bytes | Render]) -> bytes | Render:
    match parts:
        case []:
            return b""
        case [only]:
            return only
    renders = [constant(each) if isinstance(each, bytes) else each for each in parts]
    return lambda request, response: b"".join([render(request, response) for render in renders])


def constant(text: bytes) -> Render:
    return lambda request, response: text
