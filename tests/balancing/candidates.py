"""Candidates of three lines."""

from collections import Counter

from meshio.balancing.labels import Labels
from meshio.balancing.policy import Pick
from meshio.message import Request


class Peer:
    """A candidate. Its weight, load, keys and labels are all that a policy may see."""

    def __init__(
        self, key: str = "", weight: float = 1, inflight: int = 0, name: str = "", labels: Labels = ()
    ) -> None:
        self.name = key
        self.key = key.encode()
        self.name_key = name.encode()
        self.labels = labels
        self.weight = weight
        self.inflight = inflight
        self.latency = 0.0

    @property
    def full_weight(self) -> int:
        return int(self.weight)

    def __repr__(self) -> str:
        return f"<{self.key.decode()} x{self.weight}>"


def asked(key: int | None = None) -> Request:
    request = Request(b"GET", b"a", b"/", [])
    request.hash = key
    return request


def draws(pick: Pick[Peer], times: int) -> Counter[Peer]:
    request = asked()
    return Counter(pick(request) for _ in range(times))
