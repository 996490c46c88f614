"""Regex substitution as RE2 does it (re2.cc, `GlobalReplace` and `Rewrite`), not as Python's `re.sub` does."""

import re
from collections.abc import Callable, Iterator

import re2

from meshio.errors import Rejected

OPTIONS = re2.Options()
OPTIONS.log_errors = False
PIECE = re.compile(rb"[^\\]+|\\(.)?", re.DOTALL)


def compile_regex(pattern: str, substitution: str) -> Callable[[bytes], bytes]:
    r"""A function that replaces every match; `\1` is a group, `\0` the match, `\\` a backslash.

    Raises Rejected when the pattern is not RE2 or the substitution names a group that it has not.
    """
    try:
        regex = re2.compile(pattern.encode(), OPTIONS)
    except re2.error as error:
        raise Rejected("regex_rewrite", "pattern", f"not an RE2 regex: {pattern!r}") from error
    pieces = list(parse(substitution.encode(), regex.groups))

    def replace(text: bytes) -> bytes:
        parts: list[bytes] = []
        end = -1
        copied = 0
        for match in regex.finditer(text):
            if match.start() == match.end() == end:
                continue  # an empty match right behind a match does not count
            parts.append(text[copied : match.start()])
            parts += [piece if isinstance(piece, bytes) else match.group(piece) or b"" for piece in pieces]
            copied = end = match.end()
        parts.append(text[copied:])
        return b"".join(parts)

    return replace


def parse(substitution: bytes, groups: int) -> Iterator[bytes | int]:
    """Literal bytes and group numbers."""
    for found in PIECE.finditer(substitution):
        if not found[0].startswith(b"\\"):
            yield found[0]
        elif found[1] == b"\\":
            yield b"\\"
        elif found[1] is not None and found[1].isdigit() and int(found[1]) <= groups:
            yield int(found[1])
        else:
            raise Rejected("regex_rewrite", "substitution", f"{found[0]!r} is no group of the pattern")
