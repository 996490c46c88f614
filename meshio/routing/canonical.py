"""The canonical form of a path: dot segments resolved, unreserved escapes decoded, backslashes turned.

A port of what Envoy uses for `normalize_path`: Chromium's url_canon_path.cc, `DoPartialPathInternal`, byte
by byte, because its corner cases (`/a//../b`, `/..;/x`, `%2e%2e%2f`) decide which route a path meets.
"""

import re

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
ESCAPE = frozenset(range(0x21)) | frozenset(b'"<>^`{|}') | frozenset(range(0x7F, 0x100))
HEX = frozenset(b"0123456789abcdefABCDEF")
NOWHERE = -4  # before anything that a decoded byte could be next to
SLASH, BACKSLASH, PERCENT, DOT = b"/\\%."
PARAMETERS = re.compile(rb"(?<=/)(\.\.?);[^/]*")  # Envoy drops them from dot segments before anything else


def canonical(path: bytes) -> bytes | None:
    """The canonical path (given without query); None when it holds a NUL, which Envoy refuses."""
    path = PARAMETERS.sub(rb"\1", path)
    out = bytearray()
    at, end, loose = 0, len(path), NOWHERE
    while at < end:
        byte = path[at]
        if dot := dot_length(path, at):
            at = after_dot(path, at + dot, out)
        elif byte == PERCENT:
            code = escaped(path, at)
            if code == 0:
                return None
            if code is None:
                loose = len(out)
                out.append(PERCENT)
                at += 1
                continue
            at += 3
            if code not in UNRESERVED:
                out += path[at - 3 : at]
                continue
            out.append(code)
            if len(out) - 3 <= loose < len(out):
                mend(out, loose, path[at : at + 1])
        else:
            out += b"/" if byte == BACKSLASH else b"%%%02X" % byte if byte in ESCAPE else bytes((byte,))
            at += 1
    return bytes(out)


def mend(out: bytearray, loose: int, following: bytes) -> None:
    """A decoded byte may have made an escape out of a `%` that was none: escape that (`CheckForNestedEscapes`)."""
    if escaped(out[loose:] + following, 0) is not None:
        out[loose + 1 : loose + 1] = b"25"


def escaped(path: bytes | bytearray, at: int) -> int | None:
    """The byte that a percent escape stands for; None when it is no escape."""
    digits = path[at + 1 : at + 3]
    return int(digits, 16) if len(digits) == 2 and HEX.issuperset(digits) else None


def dot_length(path: bytes, at: int) -> int:
    """How long the dot at this place is (`.` or `%2e`); 0 when there is none."""
    if path[at : at + 1] == b".":
        return 1
    return 3 if path[at : at + 3].lower() == b"%2e" else 0


def after_dot(path: bytes, at: int, out: bytearray) -> int:
    """A dot was read up to `at`: resolve the dot segment that it begins, if it does. Returns where to go on."""
    if out[-1:] == b"/":
        if ends_segment(path, at):
            return at + 1
        if (second := dot_length(path, at)) and ends_segment(path, at + second):
            back_up(out)
            return at + second + 1
    out.append(DOT)
    return at


def ends_segment(path: bytes, at: int) -> bool:
    return at == len(path) or path[at] in (SLASH, BACKSLASH)


def back_up(out: bytearray) -> None:
    """Cut off the last segment and keep the slash before it; the root has none to cut."""
    if len(out) > 1:
        del out[out.rfind(b"/", 0, len(out) - 1) + 1 :]
