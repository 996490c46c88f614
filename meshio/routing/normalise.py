"""What the connection manager makes of a path before routes see it.

Envoy: conn_manager_utility.cc `maybeNormalizePath`, path_utility.cc, and below it the URL canonicaliser of
Chromium (url_canon_path.cc). The order is theirs: escaped slashes, normalisation, merging of slashes.
"""

from collections.abc import Callable
from typing import TypeAlias

from meshio.message import Request, Response
from meshio.routing.canonical import canonical
from meshio.routing.listener import PathNormalisation
from meshio.routing.local_reply import Shape, answer
from meshio.routing.words import is_grpc

Answer: TypeAlias = Callable[[Request], Response]
Change: TypeAlias = Callable[[bytes], bytes | None]

# Bytes that no step changes, wherever they are; "/." and "//" are looked for apart.
HARMLESS = frozenset(range(0x21, 0x7F)) - frozenset(b'%\\"<>^`{|}#')


def normalise(paths: PathNormalisation) -> Callable[[bytes], bytes | Answer]:
    """A function that gives the path as routes see it, or the answer that Envoy gives instead (400 or 307).

    Always there: Envoy refuses a path with a fragment or one that does not begin with a slash in any case.
    """
    change = compile_change(paths)
    redirects = paths.escaped_slashes == "redirect"
    harmless = bytes(HARMLESS)

    def normalised(path: bytes) -> bytes | Answer:
        if not path.translate(None, harmless) and b"/." not in path and b"//" not in path and path[:1] == b"/":
            return path
        if path[:1] != b"/" or not path.isascii():
            return malformed if path != b"*" else path  # OPTIONS *: no route takes it
        if b"#" in path:
            return refuse
        return examined(path)

    def examined(path: bytes) -> bytes | Answer:
        bare, mark, query = path.partition(b"?")
        changed = change(bare) if change is not None else bare
        if changed is None:
            return refuse
        whole = path if changed == bare else changed + mark + query
        return elsewhere(whole) if redirects and has_escaped_slash(bare) else whole

    return normalised


def compile_change(paths: PathNormalisation) -> Change | None:
    steps: list[Change] = []
    if paths.escaped_slashes == "reject":
        steps.append(lambda path: None if has_escaped_slash(path) else path)
    elif paths.escaped_slashes != "keep":
        steps.append(unescape_slashes)
    if paths.normalize:
        steps.append(canonical)
    if paths.merge_slashes:
        steps.append(merge_slashes)
    if not steps:
        return None

    def change(path: bytes) -> bytes | None:
        changed: bytes | None = path
        for step in steps:
            if changed is None:
                return None
            changed = step(changed)
        return changed

    return change


def malformed(request: Request) -> Response:
    """400, as Envoy's HTTP parser answers what is no path at all."""
    request.record.flags.append("DPE")
    request.record.details = "http1.codec_error"
    return answer(request, 400, b"Bad Request")


def refuse(request: Request) -> Response:
    """400, as Envoy answers a path that it does not take."""
    request.record.details = "path_normalization_failed"
    return answer(request, 400)


def elsewhere(path: bytes) -> Answer:
    """307 to the path with its slashes unescaped. A gRPC client cannot follow it: Envoy refuses it."""

    def redirect(request: Request) -> Response:
        if is_grpc(request):
            return refuse(request)
        request.record.details = "path_normalization_failed"
        return answer(request, 307, shape=Shape([(b"location", path)]))

    return redirect


def has_escaped_slash(path: bytes) -> bool:
    lower = path.lower()
    return b"%2f" in lower or b"%5c" in lower


def unescape_slashes(path: bytes) -> bytes:
    r"""`%2f` becomes `/`, `%5c` becomes `\`."""
    for escaped, plain in ((b"%2f", b"/"), (b"%2F", b"/"), (b"%5c", b"\\"), (b"%5C", b"\\")):
        path = path.replace(escaped, plain)
    return path


def merge_slashes(path: bytes) -> bytes:
    """Runs of slashes become one, except that a path of nothing but slashes keeps two."""
    if b"//" not in path:
        return path
    segments = [segment for segment in path.split(b"/") if segment]
    return b"/" + b"/".join(segments) + (b"/" if path.endswith(b"/") else b"")
