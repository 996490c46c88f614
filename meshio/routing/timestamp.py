"""Points in time as Envoy writes them (common/utility.cc, `DateFormatter`): strftime and fractions."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

ISO, LOCAL_ISO = "%Y-%m-%dT%H:%M:%S.%3fZ", "%Y-%m-%dT%H:%M:%S.%3f%z"
LONGEST = 1024  # characters of a format; Envoy has no bound, and nobody needs more
PIECE = re.compile(
    r"%(?:E(?P<seconds>[0-9*])S|(?:E?(?P<digits>[1-9]))?(?P<fraction>f)|[0-9]?(?P<epoch>s)|E(?P<more>4Y|z)|.)"
)

Write = Callable[[datetime], str]
MORE: dict[str, Write] = {
    "4Y": lambda moment: f"{moment.year:04}",
    "z": lambda moment: moment.isoformat(timespec="seconds")[-6:],
}


def compile_time(form: str, local: bool = False) -> Callable[[float], bytes] | None:
    """A function from seconds since the epoch to the text, in UTC or as the machine has it. "" is ISO 8601.

    None for a format that holds a line break, as Envoy refuses it, or is too long.
    """
    if "%n" in form or "\n" in form or "\r" in form or "\0" in form or len(form) > LONGEST:
        return None
    writers = list(pieces(form or (LOCAL_ISO if local else ISO)))

    def write(now: float) -> bytes:
        moment = datetime.fromtimestamp(now, UTC)
        if local:
            moment = moment.astimezone()
        return "".join([each if isinstance(each, str) else each(moment) for each in writers]).encode()

    return write


def pieces(form: str) -> "list[str | Write]":
    found: list[str | Write] = []
    at = 0
    for piece in PIECE.finditer(form):
        found += [form[at : piece.start()], writer(piece)]
        at = piece.end()
    return [*found, form[at:]]


def writer(piece: "re.Match[str]") -> str | Write:
    if piece["seconds"] is not None:
        return seconds(piece["seconds"])
    if piece["fraction"] is not None:
        size = int(piece["digits"] or 9)
        return lambda moment: f"{moment.microsecond:06}000"[:size]
    if piece["epoch"] is not None:
        return lambda moment: str(int(moment.timestamp()))
    if piece["more"] is not None:
        return MORE[piece["more"]]
    return "%" if piece[0] == "%%" else lambda moment: moment.strftime(piece[0])


def seconds(digits: str) -> Write:
    """`%E3S`: seconds with three digits behind the point; `%E*S`: with as many as there are."""
    if digits == "*":
        return lambda moment: f"{moment.second:02}.{moment.microsecond:06}".rstrip("0").rstrip(".")
    size = int(digits)
    return lambda moment: f"{moment.second:02}.{moment.microsecond:06}000000000"[: 3 + size if size else 2]
