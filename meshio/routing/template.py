"""A path made from the variables of a path template. Envoy: uri_template.cc, `rewritePathTemplatePattern`."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import re2

from meshio.errors import Rejected
from meshio.matching import Matcher, PathTemplate
from meshio.matching.template import LITERAL, LONGEST_TEMPLATE, NAME, template_pattern
from meshio.matching.text import REGEX_OPTIONS

TEXT = re.compile(f"[{LITERAL}/]+")


@dataclass(frozen=True, slots=True)
class TemplateRewrite:
    """Replace the path by this template, filled with what the route's path template found."""

    template: str


def compile_template(rewrite: TemplateRewrite, match: tuple[Matcher, ...]) -> Callable[[bytes], bytes]:
    """The new path of an old one, both without query; a path that does not fit stays.

    Raises Rejected when the template is malformed, or names what the route's path template has not.
    """
    wanted = next((matcher.template for matcher in match if isinstance(matcher, PathTemplate)), None)
    if wanted is None:
        raise malformed(rewrite, "needs a path template as the route's path condition")
    try:
        regex = re2.compile(template_pattern(wanted), REGEX_OPTIONS)
    except re2.error as error:
        raise malformed(rewrite, f"the route's template {wanted!r} can match nothing") from error
    groups = {name.decode(): number for name, number in regex.groupindex.items()}
    pieces: list[bytes | int] = []
    for piece in parse(rewrite):
        if isinstance(piece, str) and piece not in groups:
            raise malformed(rewrite, f"the route's template has no variable {piece!r}")
        pieces.append(groups[piece] if isinstance(piece, str) else piece)

    def fill(path: bytes) -> bytes:
        found = regex.fullmatch(path)
        if found is None:
            return path
        return b"".join(piece if isinstance(piece, bytes) else found[piece] or b"" for piece in pieces)

    return fill


def parse(rewrite: TemplateRewrite) -> Iterator[bytes | str]:
    """Literal bytes and names of variables."""
    rest = rewrite.template
    if not 0 < len(rest) <= LONGEST_TEMPLATE:
        raise malformed(rewrite, f"must have from 1 to {LONGEST_TEMPLATE} characters")
    if not rest.startswith("/") or "//" in rest:
        raise malformed(rewrite, "must begin with a slash, and hold no two in a row")
    while rest:
        text, bracket, rest = rest.partition("{")
        if text:
            if not TEXT.fullmatch(text):
                raise malformed(rewrite, f"{text!r} is not text of a path")
            yield text.encode()
        if bracket:
            name, closed, rest = rest.partition("}")
            if not closed or not NAME.fullmatch(name):
                raise malformed(rewrite, f"{name!r} is not the name of a variable")
            yield name


def malformed(rewrite: TemplateRewrite, reason: str) -> Rejected:
    return Rejected("path_template_rewrite", rewrite.template, reason)
