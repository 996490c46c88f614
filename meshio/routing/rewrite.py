"""Path and host rewrites of a forward, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshio.matching import BarePath, Matcher, Path, PathPrefix, PathRegex, PathSeparatedPrefix, Prefix
from meshio.message import Headers, Request
from meshio.routing.commands import NOTHING_KNOWN, Known, request_value
from meshio.routing.regex import compile_regex
from meshio.routing.substitution import compile_format
from meshio.routing.template import TemplateRewrite, compile_template


@dataclass(frozen=True, slots=True)
class PrefixRewrite:
    """Replace the part of the path that the route matched (prefix or whole path) with `value`."""

    value: str


@dataclass(frozen=True, slots=True)
class RegexRewrite:
    """Replace every match of `pattern` (RE2) in the path by `substitution` (RE2's `\\1`). Query untouched.

    Raises Rejected at once when either is malformed.
    """

    pattern: str
    substitution: str

    def __post_init__(self) -> None:
        compile_regex(self.pattern, self.substitution)


PathRewrite: TypeAlias = PrefixRewrite | RegexRewrite | TemplateRewrite


@dataclass(frozen=True, slots=True)
class HostLiteral:
    """Send this authority."""

    value: str


@dataclass(frozen=True, slots=True)
class HostFromHeader:
    """Send the value of this request header as the authority, if it is there."""

    name: str


@dataclass(frozen=True, slots=True)
class HostFromPath:
    """Send what becomes of the path (without query) under this regex rewrite as the authority.

    Raises Rejected at once when either is malformed.
    """

    pattern: str
    substitution: str

    def __post_init__(self) -> None:
        compile_regex(self.pattern, self.substitution)


@dataclass(frozen=True, slots=True)
class HostOfEndpoint:
    """Send the host name of the picked endpoint (auto_host_rewrite; DNS clusters only)."""


@dataclass(frozen=True, slots=True)
class HostFormat:
    """Send what this text with substitution commands says as the authority; a command without an answer says "-".

    Raises Rejected at once for commands that are not supported.
    """

    text: str

    def __post_init__(self) -> None:
        compile_format("host_rewrite", "format", self.text)


@dataclass(frozen=True, slots=True)
class PathFormat:
    """Put what this text with substitution commands says in the path's place; the query stays.

    Raises Rejected at once for commands that are not supported.
    """

    text: str

    def __post_init__(self) -> None:
        compile_format("path_rewrite", "format", self.text)


HostRewrite: TypeAlias = HostLiteral | HostFromHeader | HostFromPath | HostFormat | HostOfEndpoint


ChangePath: TypeAlias = Callable[[bytes], bytes]
TakePath: TypeAlias = Callable[[Request], bytes]
TakeHost: TypeAlias = Callable[[Request], bytes]
ORIGINAL_PATH, ORIGINAL_HOST = b"x-envoy-original-path", b"x-envoy-original-host"
FORWARDED_HOST = b"x-forwarded-host"


def compile_path(rewrite: PathRewrite, match: tuple[Matcher, ...]) -> ChangePath:
    """The new path (query included) of an old one, b"" to leave it. Envoy: `RouteEntryImplBase::getRequestRewritePath`.

    `match` says which part of the path a prefix rewrite replaces.
    """
    if isinstance(rewrite, RegexRewrite):
        replace = compile_regex(rewrite.pattern, rewrite.substitution)
        return lambda path: on_path(path, replace)
    if isinstance(rewrite, TemplateRewrite):
        fill = compile_template(rewrite, match)
        return lambda path: on_path(path, fill)
    for matcher in match:
        if isinstance(matcher, BarePath) and not isinstance(matcher.matcher, PathRegex):
            return behind(rewrite.value.encode(), matcher.matcher.value, matcher.matcher.ignore_case)
    value, size = rewrite.value.encode(), matched_size(match)
    if size is None:
        return lambda path: on_path(path, lambda whole: value)
    return lambda path: value + path[size:]


def behind(value: bytes, prefix: bytes, ignore_case: bool) -> ChangePath:
    """Replace what was matched, where the path begins with it even before its parameters are taken off."""
    begins, size = Prefix(prefix, ignore_case).test(), len(prefix)
    return lambda path: value + path[size:] if begins(path) else b""


def matched_size(match: tuple[Matcher, ...]) -> int | None:
    """How many characters of the path the route's path matcher takes; None for all of it."""
    for matcher in match:
        match matcher:
            case PathPrefix(value) | PathSeparatedPrefix(value):
                return len(value)
            case Path() | PathRegex() | BarePath():
                return None
    return 0


def on_path(path: bytes, change: ChangePath) -> bytes:
    """Change the path and leave the query; b"" where nothing would be left of the path."""
    bare, mark, query = path.partition(b"?")
    changed = change(bare)
    return changed + mark + query if changed else b""


def compile_path_format(rewrite: PathFormat, known: Known) -> TakePath:
    """The new path of a request; b"" leaves the old one."""
    text = compile_format("path_rewrite", "format", rewrite.text, known)
    render = (lambda request, response: text) if isinstance(text, bytes) else text

    def take(request: Request) -> bytes:
        path = render(request, None)
        _, mark, query = request.path.partition(b"?")
        return path + mark + query if path else b""

    return take


def compile_host(rewrite: HostRewrite | None, known: Known = NOTHING_KNOWN) -> TakeHost | None:
    """The new authority for a request whose path is not rewritten yet; b"" leaves the old one.

    None when nothing is rewritten here: `HostOfEndpoint` is known only when a host was picked (`rehost`).
    """
    match rewrite:
        case HostLiteral(value):
            literal = value.encode()
            return lambda request: literal
        case HostFromHeader(name):
            header = name.lower().encode()
            return lambda request: request_value(request, header) or b""
        case HostFromPath(pattern, substitution):
            change = compile_regex(pattern, substitution)
            return lambda request: change(request.path.partition(b"?")[0])
        case HostFormat(text):
            made = compile_format("host_rewrite", "format", text, known, b"-")
            return (lambda request: made) if isinstance(made, bytes) else lambda request: made(request, None)
    return None


def rehost(request: Request, authority: bytes, forwards: bool = False) -> None:
    """Give the request another authority; the upstream learns the old one. The header list is replaced.

    `forwards`: in `x-forwarded-host`, too, unless that says it last.
    """
    request.headers = with_header(request.headers, ORIGINAL_HOST, request.authority)
    if forwards:
        before = b",".join(value for name, value in request.headers if name == FORWARDED_HOST and value)
        if before.rpartition(b",")[2] != request.authority:
            told = before + b"," + request.authority if before else request.authority
            request.headers = with_header(request.headers, FORWARDED_HOST, told)
    request.authority = authority


def repath(request: Request, path: bytes, silent: bool = False) -> None:
    """Give the request another path; unless that is `silent`, a header tells the old one. The list is replaced."""
    if not silent:
        request.headers = with_header(request.headers, ORIGINAL_PATH, request.path)
    request.path = path


def with_header(headers: Headers, name: bytes, value: bytes) -> Headers:
    """New headers in which `name` has this one value."""
    return [*[header for header in headers if header[0] != name], (name, value)]
