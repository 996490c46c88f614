"""What a balancing policy is: a frozen value that builds a pick over candidates."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from meshio.message import Request


class Candidate(Protocol):
    """What a policy may know about the things it chooses from.

    `weight` is at least 1, `inflight` counts requests under way, `latency` is a moving average in
    seconds, `key` is what consistent hashing hashes ("ip:port").
    """

    weight: int
    inflight: int
    latency: float

    @property
    def key(self) -> bytes: ...


C = TypeVar("C", bound=Candidate)
Pick: TypeAlias = Callable[[Request], C]


class Policy(Protocol):
    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick. Called when the set changes, never per request, never with ()."""
