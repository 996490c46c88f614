"""The pick of a whole cluster: a policy over its priorities and localities, in steps where it takes long.

Ring hash and Maglev build tables, and with thousands of hosts any policy takes some milliseconds. What is to be built
is found out first, by composing with a policy that only takes notes; then the picks are built one after the other;
and then composed.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from meshio.balancing.consistent import Consistency, bounded
from meshio.balancing.hashing import Key
from meshio.balancing.locality import Inner, Spread, Tier, compose
from meshio.balancing.policy import C, ConsistentPolicy, Pick, Policy, Steps, finished, weighing
from meshio.balancing.surroundings import Surroundings
from meshio.errors import NoHealthyHost
from meshio.message import Request


@runtime_checkable
class Gradual(Protocol):
    """A policy that builds its picks in steps."""

    def building(self, candidates: tuple[C, ...], shares: tuple[float, ...] | None = None) -> Steps[C]:
        """Build the pick, for a consistent policy with these shares of the keys."""


@runtime_checkable
class Tabular(Gradual, Protocol):
    """A consistent policy that builds its tables in steps."""

    consistency: Consistency


@dataclass(slots=True)
class Rehearsal:
    """Takes notes of what a policy would be asked for."""

    asked: list[tuple[tuple[Any, ...], tuple[float, ...] | None]] = field(default_factory=list)

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        self.asked.append((candidates, None))
        return nobody


class ConsistentRehearsal(Rehearsal):
    """The same for a consistent policy."""

    __slots__ = ()

    def over_shares(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Pick[C]:
        self.asked.append((candidates, shares))
        return nobody


def nobody(request: Request) -> Any:
    raise NoHealthyHost("this is a rehearsal")


@dataclass(slots=True)
class Ready:
    """Hands out what was built, in the order in which it was asked for in the rehearsal."""

    picks: list[Pick[Any]]

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        return self.picks.pop(0)


class ConsistentReady(Ready):
    """The same for a consistent policy."""

    __slots__ = ()

    def over_shares(self, candidates: tuple[C, ...], shares: tuple[float, ...]) -> Pick[C]:
        return self.picks.pop(0)


@runtime_checkable
class Outer(Protocol):
    """A policy that leaves the choice among hosts, or among some of them, to another one."""

    @property
    def child(self) -> Policy: ...

    def arranging(
        self, tiers: Sequence[Tier[C]], spread: Spread, inner: Inner[C]
    ) -> Generator[None, None, Pick[C] | None]:
        """Build the pick over all priorities; `inner` builds the other policy's over what it is given."""


def arrange(
    policy: Policy, tiers: Sequence[Tier[C]], spread: Spread, cluster: Surroundings
) -> Generator[None, None, Pick[C] | None]:
    """The pick over all priorities; None when no host may be picked. Yields about every millisecond."""
    if isinstance(policy, Outer):
        child = policy.child
        return policy.arranging(tiers, spread, lambda some, how: arrange(child, some, how, cluster))
    return arrange_by(lambda each: compose(each, tiers, spread), policy, cluster)


def arrange_by(
    composing: Callable[[Policy], Pick[C] | None], policy: Policy, cluster: Surroundings
) -> Generator[None, None, Pick[C] | None]:
    """The pick that a policy gives when it is composed like this. Yields about every millisecond."""
    if not isinstance(policy, Gradual):
        return composing(policy)
    consistent = isinstance(policy, ConsistentPolicy)
    rehearsal = ConsistentRehearsal() if consistent else Rehearsal()
    composing(rehearsal)
    picks: list[Pick[C]] = []
    for candidates, shares in rehearsal.asked:
        yield
        picks.append((yield from build(policy, candidates, shares, cluster)))
    pick = composing(ConsistentReady(picks) if consistent else Ready(picks))
    own = policy.consistency.policies if isinstance(policy, Tabular) else ()
    return keyed(pick, cluster.key(own)) if pick is not None and own else pick


def arranged(policy: Policy, tiers: Sequence[Tier[C]], spread: Spread, cluster: Surroundings) -> Pick[C] | None:
    """The same in one go."""
    return finished(arrange(policy, tiers, spread, cluster))


def build(
    policy: Gradual, candidates: tuple[C, ...], shares: tuple[float, ...] | None, cluster: Surroundings
) -> Steps[C]:
    """One pick; of a table, with a bound on what a host may have where there is one."""
    if not isinstance(policy, Tabular):
        return (yield from policy.building(candidates))
    shares = shares or (yield from weighing(candidates))
    pick = yield from policy.building(candidates, shares)
    percent = policy.consistency.balance
    return bounded(pick, candidates, shares, percent, cluster) if percent else pick


def keyed(pick: Pick[C], key: Key) -> Pick[C]:
    """The cluster itself says what of a request is hashed; what the route says does not count."""

    def choose(request: Request) -> C:
        request.hash = key(request)
        return pick(request)

    return choose


def reads_keys(policy: Policy) -> bool:
    """Whether it matters which key a request has."""
    return reads_keys(policy.child) if isinstance(policy, Outer) else isinstance(policy, ConsistentPolicy)
