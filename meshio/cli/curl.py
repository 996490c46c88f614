"""curl's habits, as far as `meshio get` and `meshio explain` share them: -X -H -d and URLs without a scheme."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
import orjson

from meshio.client.notes import take_notes
from meshio.client.url import split_url, take_host
from meshio.errors import BadRequest
from meshio.message import Headers, Notes, Request

P = ParamSpec("P")
T = TypeVar("T")

STANDARD_INPUT = "-"
FORM = (b"content-type", b"application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it stands on the command line."""

    url: str
    method: str | None = None
    headers: Sequence[str] = ()
    body: bytes | None = None
    head: bool = False
    notes: str = ""

    def request(self) -> Request:
        """As the mesh takes it. Raises BadRequest for the URL, UsageError for a header or notes."""
        origin, path = split_url(self.url if "://" in self.url else f"http://{self.url}", None)
        authority, headers = take_host(with_defaults(self.headers, self.body is not None))
        request = Request(
            self._method(),
            authority or origin.authority,
            path,
            headers,
            self.body or b"",
            scheme=origin.scheme,
            host=origin.host,
            port=origin.port,
        )
        request.notes = parse_notes(self.notes) if self.notes else None
        return request

    def _method(self) -> bytes:
        implied = "HEAD" if self.head else "GET" if self.body is None else "POST"
        return (self.method or implied).encode("ascii", "replace")


def with_defaults(lines: Sequence[str], form: bool) -> Headers:
    """What was asked for, plus what curl adds unless it was named: `Name:` takes one away, `Name;` is empty."""
    defaults = [(b"user-agent", b"meshio"), (b"accept", b"*/*"), *([FORM] if form else [])]
    given = [parse_header(line) for line in lines]
    named = {name for name, _ in given}
    kept = [(name, value) for name, value in given if value is not None]
    return [pair for pair in defaults if pair[0] not in named] + kept


def parse_header(line: str) -> tuple[bytes, bytes | None]:
    """`Name: value`, `Name;` (empty), `Name:` (None: leave it out). Raises UsageError."""
    name, colon, value = line.partition(":")
    if not colon and line.endswith(";"):
        return encode_name(line[:-1]), b""
    if not colon or not name.strip():
        raise click.UsageError(f"-H {line!r} is not a header: write 'Name: value'.")
    return encode_name(name), value.strip().encode() or None


def parse_notes(text: str) -> Notes:
    """What a program would say beside the request, as JSON. Raises UsageError."""
    try:
        return take_notes(**orjson.loads(text))
    except (orjson.JSONDecodeError, BadRequest, TypeError) as error:
        raise click.UsageError(f"--notes {text!r}: {error}.") from None


def encode_name(name: str) -> bytes:
    return name.strip().lower().encode("latin-1", "replace")


def read_data(texts: Sequence[str], exact: bool = False) -> bytes | None:
    """The body that several -d make, joined by `&`; None without any. `@FILE` and `@-` read it from there.

    Line ends and NUL bytes of files are left out, as curl does, unless `exact` (--data-binary).
    """
    parts = [read_one(text, exact) for text in texts]
    return b"&".join(parts) if parts else None


def read_one(text: str, exact: bool) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    source = text[1:]
    try:
        data = sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as error:
        raise click.UsageError(f"-d {text}: {error.strerror}.") from error
    return data if exact else data.translate(None, b"\r\n\0")


def request_options(command: Callable[P, T]) -> Callable[P, T]:
    """URL, -X and -H."""
    command = click.option("-H", "--header", "headers", multiple=True, metavar="LINE", help="'Name: value'.")(command)
    command = click.option("-X", "--request", "method", metavar="METHOD", help="Instead of GET.")(command)
    return click.argument("url")(command)
