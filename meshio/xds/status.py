"""How the conversation with a control plane goes, for the log, `meshio dump` and error messages."""

from collections import deque
from dataclasses import dataclass, field

KEPT = 10  # refusals that are remembered


@dataclass(frozen=True, slots=True)
class Refusal:
    """A NACK. `time` is in seconds since the epoch; `faults` says what is wrong, one text per resource."""

    time: float
    kind: str
    version: str
    faults: tuple[str, ...]


@dataclass(slots=True)
class Status:
    """Written by the source, read by whoever asks. Times are seconds since the epoch.

    dialect      "delta" or "state of the world"
    connected    since when; None while there is no stream
    replies      responses on all streams so far; `streams` that were opened
    error        why the last stream ended, or could not be opened
    missing      what a complete snapshot still needs, in words
    refusals     the last NACKs
    """

    dialect: str = ""
    connected: float | None = None
    replies: int = 0
    streams: int = 0
    error: str = ""
    error_time: float = 0.0
    missing: str = "nothing was answered yet"
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=KEPT))
