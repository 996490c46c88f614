"""Priorities, panic and locality weights: where the healthy hosts are, there the requests go.

Envoy: source/extensions/load_balancing_policies/common/load_balancer_impl.cc. The arithmetic is whole numbers
on purpose: it is Envoy's, rounding included. A policy chooses among the hosts of one priority (or of one of
its localities); this module says which.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import random
from typing import Generic, NoReturn

from meshio.balancing.edf import unequal_turns
from meshio.balancing.policy import C, ConsistentPolicy, Pick, Policy, shares_of
from meshio.errors import NoHealthyHost
from meshio.message import Request

FULL = 100


@dataclass(frozen=True, slots=True)
class Group(Generic[C]):
    """The hosts of one locality at one priority: all, and those of them that are healthy or degraded."""

    hosts: tuple[C, ...]
    healthy: tuple[C, ...]
    degraded: tuple[C, ...] = ()
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """How load spreads over priorities and localities.

    overprovisioning    percent of its healthy share that a priority can take: 140 keeps all load until 72 % are left
    panic_threshold     percent of available hosts below which all hosts are used; 0 never
    locality_weighted   localities get load by their weight, not by the number of their hosts
    """

    overprovisioning: int = 140
    panic_threshold: float = 50.0
    locality_weighted: bool = False


Tier = tuple[Group[C], ...]
Shares = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loads:
    """What each priority takes, in percent of all requests: by healthy and by degraded hosts, or by any in panic."""

    healthy: Shares
    degraded: Shares
    panic: tuple[bool, ...]


def spread_loads(tiers: Sequence[Tier[C]], spread: Spread) -> Loads:
    """Envoy: `recalculatePerPriorityState`, then `recalculatePerPriorityPanic`."""
    hosts = [sum(len(group.hosts) for group in tier) for tier in tiers]
    healthy = [sum(len(group.healthy) for group in tier) for tier in tiers]
    degraded = [sum(len(group.degraded) for group in tier) for tier in tiers]
    sound = [availability(count, total, spread) for count, total in zip(healthy, hosts, strict=True)]
    weak = [availability(count, total, spread) for count, total in zip(degraded, hosts, strict=True)]
    whole = min(FULL, sum(sound) + sum(weak))
    calm = (False,) * len(tiers)
    if whole == FULL:
        return Loads(*share_out(sound, weak, whole), calm)
    threshold = min(FULL, int(spread.panic_threshold))
    available = map(int.__add__, healthy, degraded)
    panic = tuple(
        FULL * count < threshold * total if total else threshold > 0
        for count, total in zip(available, hosts, strict=True)
    )
    if all(panic):
        return Loads(by_number(hosts), (0,) * len(tiers), panic)
    if whole == 0:
        return Loads((FULL,) + (0,) * (len(tiers) - 1), (0,) * len(tiers), panic)
    return Loads(*share_out(sound, weak, whole), panic)


def availability(count: int, total: int, spread: Spread) -> int:
    return min(FULL, spread.overprovisioning * count // total) if total else 0


def share_out(sound: list[int], weak: list[int], whole: int) -> tuple[Shares, Shares]:
    """Healthy hosts first, then degraded ones; what rounding leaves goes to the first that has any."""
    healthy, left = distribute(sound, FULL, whole)
    degraded, left = distribute(weak, left, whole)
    if left:
        first, shares = (sound, healthy) if any(sound) else (weak, degraded)
        shares[next(i for i, able in enumerate(first) if able)] += left
    return tuple(healthy), tuple(degraded)


def distribute(able: list[int], load: int, whole: int) -> tuple[list[int], int]:
    shares = []
    for each in able:
        shares.append(min(load, each * FULL // whole))
        load -= shares[-1]
    return shares, load


def by_number(hosts: list[int]) -> Shares:
    """When every priority panics, health says nothing any more and load goes by the number of hosts."""
    total = sum(hosts)
    if total == 0:
        return (FULL,) + (0,) * (len(hosts) - 1)
    shares = [FULL * count // total for count in hosts]
    shares[next(i for i, count in enumerate(hosts) if count)] += FULL - sum(shares)
    return tuple(shares)


def compose(policy: Policy, tiers: Sequence[Tier[C]], spread: Spread) -> Pick[C] | None:
    """The pick over all priorities; None when no host may be picked."""
    loads = spread_loads(tiers, spread)
    lots: list[tuple[int, Pick[C] | None]] = []
    for tier, load, panic in zip(tiers, loads.healthy, loads.panic, strict=True):
        if load:
            lots.append((load, among(policy, tier, all_hosts if panic else healthy_hosts, spread)))
    for tier, load, panic in zip(tiers, loads.degraded, loads.panic, strict=True):
        if load:
            lots.append((load, among(policy, tier, all_hosts if panic else degraded_hosts, spread)))
    if len(lots) == 1:
        return lots[0][1]
    return by_lot([(load, pick or nobody) for load, pick in lots]) if any(pick for _, pick in lots) else None


def nobody(request: Request) -> NoReturn:
    raise NoHealthyHost("the priority that was drawn has hosts only in localities without weight")


def by_lot(lots: list[tuple[int, Pick[C]]]) -> Pick[C]:
    """Priorities by share of load. The key of a request decides where there is one (Envoy: `choosePriority`)."""
    bounds = list(accumulate(load for load, _ in lots))
    picks = tuple(pick for _, pick in lots)

    def pick(request: Request) -> C:
        draw = int(random() * FULL) if request.hash is None else request.hash % FULL
        return picks[bisect_left(bounds, draw + 1)](request)

    return pick


def all_hosts(group: Group[C]) -> tuple[C, ...]:
    return group.hosts


def healthy_hosts(group: Group[C]) -> tuple[C, ...]:
    return group.healthy


def degraded_hosts(group: Group[C]) -> tuple[C, ...]:
    return group.degraded


Choose = Callable[[Group[C]], tuple[C, ...]]


def among(policy: Policy, tier: Tier[C], choose: Choose[C], spread: Spread) -> Pick[C] | None:
    """The pick over one priority."""
    candidates = tuple(host for group in tier for host in choose(group))
    if not candidates:
        return None
    weighted = spread.locality_weighted and any(group.weight for group in tier)
    if not weighted:
        return policy.over(candidates)
    if isinstance(policy, ConsistentPolicy):
        return over_localities(policy, tier, choose)
    if choose is all_hosts:  # in panic, localities do not count (Envoy: `hostSourceToUse`)
        return policy.over(candidates)
    return by_locality(policy, tier, choose, spread) or policy.over(candidates)


def by_locality(policy: Policy, tier: Tier[C], choose: Choose[C], spread: Spread) -> Pick[C] | None:
    """Localities in turn, by weight and what health leaves of it; then the policy inside of one."""
    weights = [(group, effective_weight(group, len(choose(group)), spread)) for group in tier]
    live = [(policy.over(choose(group)), weight) for group, weight in weights if weight > 0]
    if len(live) < 2:
        return live[0][0] if live else None
    turn = unequal_turns([pick for pick, _ in live], [weight for _, weight in live])

    def pick(request: Request) -> C:
        return turn()(request)

    return pick


def effective_weight(group: Group[C], eligible: int, spread: Spread) -> float:
    if not group.hosts:
        return 0.0
    return group.weight * min(1.0, spread.overprovisioning / 100 * eligible / len(group.hosts))


def over_localities(policy: ConsistentPolicy, tier: Tier[C], choose: Choose[C]) -> Pick[C] | None:
    """Consistent hashing spans localities: a host's share is its share of the locality's (thread_aware_lb_impl.cc)."""
    live = [(group.weight, choose(group)) for group in tier if group.weight and choose(group)]
    if not live:
        return None
    total = sum(weight for weight, _ in live)
    candidates = tuple(host for _, hosts in live for host in hosts)
    shares = tuple(share * (weight / total) for weight, hosts in live for share in shares_of(hosts))
    return policy.over_shares(candidates, shares)
