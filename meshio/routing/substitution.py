"""Envoy's substitution commands in header values: `%REQ(x-user?:path):10%`, `%PROTOCOL%` and their kin.

Envoy: substitution_formatter.cc. The commands are in `commands.py`, `arguments.py` and `metadata.py`. One
that a client cannot answer truly (sockets, certificates) is rejected by name when the text is compiled.
"""

import re
from typing import TypeAlias

from meshio.errors import Rejected
from meshio.routing.arguments import EXACT, SILENT, TAKING, UNCUT
from meshio.routing.commands import ALWAYS_TELLING, NOTHING_KNOWN, PLAIN, Command, Known, reason
from meshio.routing.commands import Render as RenderCommand
from meshio.routing.metadata import TELLING
from meshio.routing.metadata import UNCUT as UNCUT_TELLING

Render: TypeAlias = RenderCommand
ALL = TAKING | TELLING
COMMAND = re.compile(r"%%|%([A-Z_0-9]+)(?:\(([^)]*)\))?(?::(\d+))?%|%")


def compile_format(
    resource: str, field: str, text: str, known: Known = NOTHING_KNOWN, empty: bytes = b""
) -> bytes | Render:
    """Compile a header value: bytes when it is constant, else a function of request and response.

    `empty` stands for a command that has nothing to say.

    Raises Rejected(resource, field, ...) for malformed commands and for those that are not supported.
    """
    parts: list[bytes | Render] = []
    at = 0
    for found in COMMAND.finditer(text):
        parts.append(text[at : found.start()].encode())
        at = found.end()
        command = part(resource, field, found, known)
        parts.append(filled(command, empty, found[1] in EXACT) if empty and found[1] not in ALWAYS_TELLING else command)
    parts.append(text[at:].encode())
    return joined([each for each in folded(parts) if each != b""])


def part(resource: str, field: str, found: "re.Match[str]", known: Known) -> bytes | Render:
    whole, (name, argument, length) = found[0], found.groups()
    if whole == "%%":
        return b"%"
    if whole == "%":
        raise Rejected(resource, field, f"malformed substitution command in {found.string!r}")
    if name in PLAIN:
        if argument is not None or length is not None:
            raise Rejected(resource, field, f"substitution command {name} takes neither an argument nor a length")
        return PLAIN[name](known)
    if name not in ALL:
        raise Rejected(resource, field, f"substitution command {whole} is not supported{reason(name)}")
    if length is not None and name in UNCUT + UNCUT_TELLING:
        raise Rejected(resource, field, f"substitution command {name} takes no length")
    command = ALL[name](argument or "", known)
    if command is None:
        why = f"with this argument{reason(name)}"
        raise Rejected(resource, field, f"substitution command {whole} is not supported {why}")
    return command if length is None else cut(command, int(length))


def filled(command: Command, empty: bytes, exact: bool) -> Command:
    """With `empty` where there is nothing to say."""
    if isinstance(command, bytes):
        return command or empty
    if exact:
        return lambda request, response: empty if (said := command(request, response)) is SILENT else said
    return lambda request, response: command(request, response) or empty


def cut(command: Command, length: int) -> bytes | Render:
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


TIMED = ("START_TIME", "DURATION")


def tells_time(text: str) -> bool:
    """Whether a value says something about when the request began."""
    return any(command in text for command in TIMED)
