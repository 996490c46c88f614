"""What is asked: an exchange, and how many at a time."""

from dataclasses import asdict, dataclass
from typing import Any

HOST = "reviews.default.svc.cluster.local"
PORT = 9080
HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "bench", "x-user": "ann"}
CHUNK = 64 * 1024  # bytes that a streamed upload hands over at a time
KB, MB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One kind of exchange. Sizes in bytes; `streamed` bodies are never held as a whole."""

    name: str
    concurrency: int
    answer: int
    upload: int = 0
    streamed: bool = False

    @property
    def method(self) -> str:
        return "POST" if self.upload else "GET"

    @property
    def path(self) -> str:
        return f"/reviews/{self.answer}"

    @property
    def title(self) -> str:
        return f"{self.name}, {self.concurrency} at a time"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """A run: each way takes each case once per round, for `seconds`; one more round warms up and is not counted.

    rate  requests a second at which they are due, whatever becomes of them; None: the next when one is answered
    """

    cases: tuple[Case, ...]
    rounds: int
    seconds: float
    rate: float | None = None


@dataclass(frozen=True)
class Kind:
    """A case without its concurrency."""

    name: str
    answer: int
    upload: int = 0
    streamed: bool = False


SMALL, MEDIUM, POST = Kind("GET 70 B", 70), Kind("GET 10 KB", 10 * KB), Kind("POST 10 KB", 70, 10 * KB)
DOWN, UP = Kind("GET 1 MB", MB, streamed=True), Kind("POST 1 MB", 70, MB, streamed=True)


def case(kind: Kind, concurrency: int) -> Case:
    return Case(kind.name, concurrency, kind.answer, kind.upload, kind.streamed)


ONE, MANY, CROWD = 1, 32, 256
QUICK = Plan((case(SMALL, ONE), case(SMALL, MANY), case(POST, ONE), case(DOWN, ONE)), 3, 0.15)
FULL = Plan(
    (
        *(case(kind, count) for kind in (SMALL, MEDIUM, POST) for count in (ONE, MANY, CROWD)),
        *(case(kind, count) for kind in (DOWN, UP) for count in (ONE, MANY)),
    ),
    5,
    0.5,
)
