"""What is wrong with a YAML file: where it is, what it is, what would be right."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a document: file as it was given, line from 1, dotted path from the document's root."""

    file: str = ""
    line: int = 0
    field: str = ""

    def below(self, name: str, line: int) -> "Place":
        """The place of a field (or, with a name like "[0]", an element) inside this one."""
        joint = "" if name.startswith("[") or not self.field else "."
        return Place(self.file, line, f"{self.field}{joint}{name}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    severity     "error": the document cannot mean what it says; "warning": it works, but look at it
    unsupported  Istio knows this, meshio does not act on it. `meshio check` fails on it; the control plane
                 serves the rest of the document and logs it as a warning
    """

    file: str
    line: int
    field: str
    text: str
    suggestion: str = ""
    severity: Severity = "error"
    unsupported: bool = False

    @property
    def refuses(self) -> bool:
        """True when the whole document must stay out of service."""
        return self.severity == "error" and not self.unsupported

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        hint = f" ({self.suggestion})" if self.suggestion else ""
        grade = "unsupported" if self.unsupported else self.severity
        return f"{where}: {grade}:{field} {self.text}{hint}"


def error(place: Place, text: str, suggestion: str = "") -> Problem:
    """The document is refused."""
    return Problem(place.file, place.line, place.field, text, suggestion)


def warning(place: Place, text: str, suggestion: str = "") -> Problem:
    """The document is used as it is."""
    return Problem(place.file, place.line, place.field, text, suggestion, "warning")


def unsupported(place: Place, text: str, suggestion: str = "") -> Problem:
    """The document is used without this part."""
    return Problem(place.file, place.line, place.field, text, suggestion, unsupported=True)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion for a misspelt word, or the words there are (when they are few), or ""."""
    words = list(known)
    return closest(word, words) or (f"one of: {', '.join(words)}" if 0 < len(words) <= 12 else "")


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A suggestion when there is a similar word, or "". `cutoff` is how similar, up to 1."""
    folded = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower().replace("_", ""), folded, n=1, cutoff=cutoff)
    return f"did you mean {folded[close[0]]!r}?" if close else ""
