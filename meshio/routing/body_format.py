"""Bodies that are written when they are needed: text or JSON with substitution commands.

Envoy: substitution_format_string.cc, substitution_formatter.cc. Other than in header values, what has nothing to say
is "-" in text and null in JSON, unless empty values are left out. JSON is compact, its keys sorted, and ends its line.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from meshio.errors import Rejected
from meshio.matching.metadata import ABSENT
from meshio.message import Request, Response
from meshio.routing.commands import ALWAYS_TELLING, NOTHING_KNOWN, NUMBERS, Known, Render
from meshio.routing.metadata import VALUES, Value, numbered
from meshio.routing.substitution import COMMAND, compile_format

Write: TypeAlias = Callable[[Request, Response], bytes]
Grow: TypeAlias = Callable[[Request, Response], Any]
LEFT_OUT = object()
DEEPEST = 60  # levels of nesting


@dataclass(frozen=True, slots=True)
class BodyFormat:
    """`text`, or where that is None `json`: JSON, whose texts may hold commands.

    Raises Rejected at once for commands that are not supported, and for what is no JSON.
    """

    text: str | None = None
    json: str = "{}"
    omit_empty: bool = False
    content_type: str = ""

    def __post_init__(self) -> None:
        self.compiled(NOTHING_KNOWN)

    @property
    def kind(self) -> bytes:
        """The content type."""
        usual = "text/plain" if self.text is not None else "application/json"
        return (self.content_type or usual).encode()

    def compiled(self, known: Known) -> Write:
        """The body's text, from a response whose body is the text that would have been sent."""
        empty = b"" if self.omit_empty else b"-"
        if self.text is not None:
            return writer(compile_format("body_format", "text_format", self.text, known, empty))
        grow = tree(json.loads(self.json), known, self.omit_empty, DEEPEST)

        def write(request: Request, response: Response) -> bytes:
            found = grow(request, response)
            told = {} if found is LEFT_OUT else found
            return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

        return write


def writer(text: bytes | Render) -> Write:
    return (lambda request, response: text) if isinstance(text, bytes) else text


def tree(value: Any, known: Known, omit: bool, depth: int) -> Grow:
    """One value of the JSON: an object, a list, a text with commands, or as it is."""
    if depth == 0:
        raise Rejected("body_format", "json_format", f"is nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        fields = [(name, tree(each, known, omit, depth - 1)) for name, each in value.items()]
        return lambda request, response: whole(
            {name: each for name, grow in fields if (each := grow(request, response)) is not LEFT_OUT}, omit
        )
    if isinstance(value, list):
        items = [tree(each, known, omit, depth - 1) for each in value]
        return lambda request, response: [each for grow in items if (each := grow(request, response)) is not LEFT_OUT]
    if isinstance(value, str):
        return leaf(value, known, omit)
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return lambda request, response: number


def told_value(value: Value | None, absent: object) -> Grow:
    """A command that is a JSON value of any kind. The text has been compiled before: it is one that is supported."""
    assert value is not None
    tell = value

    def grow(request: Request, response: Response) -> Any:
        told = tell(request, response)
        return absent if told is ABSENT or told is None else numbered(told)

    return grow


def whole(fields: dict[str, Any], omit: bool) -> Any:
    return fields if fields or not omit else LEFT_OUT


def leaf(text: str, known: Known, omit: bool) -> Grow:
    """A text; one that is nothing but a command is null when that is silent, and a number when that counts."""
    found = COMMAND.fullmatch(text)
    alone = found is not None and found[1] is not None
    write = writer(compile_format("body_format", "json_format", text, known, b"" if alone or omit else b"-"))
    name = found[1] if found is not None else None
    if found is not None and found[1] in VALUES and found[3] is None:
        return told_value(VALUES[found[1]](found[2] or "", known), LEFT_OUT if omit else None)
    silent, counts = alone and name not in ALWAYS_TELLING, name in NUMBERS
    absent = LEFT_OUT if omit else None

    def grow(request: Request, response: Response) -> Any:
        told = write(request, response).decode("utf-8", "replace")
        if silent and not told:
            return absent
        return int(told) if counts and told.isdecimal() else told

    return grow
