"""What a balancing policy is: a frozen value that builds a pick over candidates."""

from collections.abc import Callable, Generator
from operator import attrgetter
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from meshio.balancing.labels import Labels
from meshio.message import Request


class Candidate(Protocol):
    """What a policy may know about the things it chooses from.

    `weight` is a whole number from 1, but a float while a new candidate grows to its `full_weight`: then it changes
    under the pick, which has to look at it each time. `inflight` counts requests under way, `latency` is a moving
    average in seconds, `key` is what consistent hashing hashes ("ip:port", unless the endpoint brings a key of its
    own), and `name_key` what it hashes where host names are to count. `name` is "ip:port" in any case, `labels` are
    what the endpoint is labelled with.
    """

    weight: float
    inflight: int
    latency: float
    name: str

    @property
    def labels(self) -> Labels: ...

    @property
    def full_weight(self) -> int: ...

    @property
    def key(self) -> bytes: ...

    @property
    def name_key(self) -> bytes: ...


C = TypeVar("C", bound=Candidate)
T = TypeVar("T")
Pick: TypeAlias = Callable[[Request], C]
Steps: TypeAlias = Generator[None, None, Pick[C]]
"""Work that yields about every millisecond and returns a pick."""

PORTION = 2048  # candidates that are looked at in one go: a fraction of a millisecond for each look
WEIGHT = attrgetter("weight")


class Policy(Protocol):
    """A way to choose: a frozen value, part of a Cluster."""

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Build the pick. Called when the set changes, never per request, never with ()."""


@runtime_checkable
class ConsistentPolicy(Policy, Protocol):
    """A policy that maps keys to candidates. It spans the localities of a priority: moving a key is what it avoids."""

    def over_shares(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Pick[C]:
        """Build the pick for candidates with these shares of the keys; they sum up to 1."""


def shares_of(candidates: tuple[C, ...]) -> tuple[float, ...]:
    """The candidates' weights, normalised as Envoy does it (thread_aware_lb_impl.cc)."""
    total = sum(candidate.weight for candidate in candidates)
    return tuple(candidate.weight / total for candidate in candidates)


def weighing(candidates: tuple[C, ...]) -> Generator[None, None, tuple[float, ...]]:
    """The same, yielding about every millisecond."""
    weights = yield from weights_of(candidates)
    total = sum(weights)
    shares: list[float] = []
    for start in range(0, len(weights), PORTION):
        if start:
            yield
        shares += [weight / total for weight in weights[start : start + PORTION]]
    return tuple(shares)


def weights_of(candidates: tuple[C, ...]) -> Generator[None, None, list[float]]:
    """The candidates' weights, yielding about every millisecond."""
    weights: list[float] = []
    for start in range(0, len(candidates), PORTION):
        if start:
            yield
        weights += map(WEIGHT, candidates[start : start + PORTION])
    return weights


def finished(steps: Generator[None, None, T]) -> T:
    """What they return, in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: T = done.value
            return found
