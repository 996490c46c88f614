"""Questions about the path by a template: `/users/{id}/files/{rest=**}`.

Envoy: uri_template_internal.cc; the grammar is that of 1.40, checked on the binary. Of its oddities these are kept: `*`
inside a literal is a character of the template that the regex then repeats, and a template whose regex is none
(`/a**`) is accepted and matches nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from meshio.errors import Rejected
from meshio.matching.matcher import Test
from meshio.matching.path import without_query
from meshio.matching.text import full_match
from meshio.message import Request

LITERAL = r"a-zA-Z0-9-._~%!$&'()+,;:@=*"
GLOBS = {"*": f"[{LITERAL}]+", "**": f"[{LITERAL}/]*"}
WORD = re.compile(f"[{LITERAL}]+")
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
PRINTABLE = re.compile(r"/[!-~]*")
MOST_VARIABLES, LONGEST_NAME, LONGEST_TEMPLATE = 5, 16, 256


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """The path, without query, is of this form. Raises Rejected at once when the template is malformed."""

    template: str

    def __post_init__(self) -> None:
        template_pattern(self.template)

    def test(self) -> Test:
        try:
            matches = full_match(template_pattern(self.template))
        except Rejected:
            return lambda request: False

        def test(request: Request) -> bool:
            return matches(without_query(request.path))

        return test

    def __str__(self) -> str:
        return f"path fits {self.template!r}"


@lru_cache(maxsize=4096)
def template_pattern(template: str) -> bytes:
    """The regex of a template, with a named group for each variable. Raises Rejected."""
    if not 0 < len(template) <= LONGEST_TEMPLATE:
        raise malformed(template, f"must have from 1 to {LONGEST_TEMPLATE} characters")
    if not PRINTABLE.fullmatch(template):
        raise malformed(template, "must begin with a slash, and have printable characters only")
    reading = Reading(template)
    pattern = "/" + "/".join(reading.segments())
    if len(reading.names) > MOST_VARIABLES:
        raise malformed(template, f"has more than {MOST_VARIABLES} variables")
    if len(set(reading.names)) < len(reading.names):
        raise malformed(template, "names a variable twice")
    if "**" in reading.globs[:-1]:
        raise malformed(template, "nothing but text can follow **")
    return pattern.encode()


class Reading:
    """A template that is being read. `names` are its variables, `globs` its `*` and `**`, in order."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._rest = template[1:]
        self.names: list[str] = []
        self.globs: list[str] = []

    def segments(self) -> Iterator[str]:
        """The regex of each segment; an empty one for the slash at the end."""
        while self._rest:
            yield self._segment()
            if self._rest == "/":
                yield ""
            self._rest = self._rest[1:]

    def _segment(self) -> str:
        segment = self._rest.partition("/")[0]
        if segment.startswith("*"):
            return self._glob()
        if segment.startswith("{") or ("{" in segment and "}" in segment):
            return self._variable()
        self._rest = self._rest[len(segment) :]
        return self._literal(segment)

    def _glob(self) -> str:
        """A glob, and text behind it: that has to be the end."""
        glob = "**" if self._rest.startswith("**") else "*"
        self._rest = self._rest[len(glob) :]
        self.globs.append(glob)
        if not self._rest or self._rest.startswith("/"):
            return GLOBS[glob]
        suffix, self._rest = self._rest, ""
        if "/" in suffix:
            raise malformed(self._template, "nothing can follow text behind a glob")
        return GLOBS[glob] + self._literal(suffix)

    def _variable(self) -> str:
        """A variable with text before and behind it."""
        before, _, rest = self._rest.partition("{")
        inside, closed, rest = rest.partition("}")
        if not closed:
            raise malformed(self._template, "has a bracket that does not close")
        behind, slash, rest = rest.partition("/")
        self._rest = slash + rest
        return (
            (self._literal(before) if before else "") + self._group(inside) + (self._literal(behind) if behind else "")
        )

    def _group(self, inside: str) -> str:
        name, equals, form = inside.partition("=")
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise malformed(self._template, f"{name!r} is not the name of a variable")
        if equals and not form:
            raise malformed(self._template, f"variable {name!r} matches nothing")
        self.names.append(name)
        return f"(?P<{name}>{'/'.join(map(self._part, (form or '*').split('/')))})"

    def _part(self, part: str) -> str:
        """One segment inside a variable."""
        if part.startswith("*"):
            if part not in GLOBS:
                raise malformed(self._template, f"{part!r} mixes a glob with text")
            self.globs.append(part)
            return GLOBS[part]
        return self._literal(part)

    def _literal(self, text: str) -> str:
        if not WORD.fullmatch(text):
            raise malformed(self._template, f"{text!r} is not text of a path")
        return re.sub(r"([$().+])", r"\\\1", text)


def malformed(template: str, reason: str) -> Rejected:
    return Rejected("path_template", template, reason)
