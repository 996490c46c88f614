"""Priorities, panic and locality weights: where the healthy hosts are, there the requests go.

Envoy: source/extensions/load_balancing_policies/common/load_balancer_impl.cc. The arithmetic is whole numbers
on purpose: it is Envoy's, rounding included. A policy chooses among the hosts of one priority (or of one of
its localities); this module says which.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter
from random import random
from typing import Generic, NoReturn, TypeAlias

from meshio.balancing.edf import unequal_turns
from meshio.balancing.policy import C, ConsistentPolicy, Pick, Policy, shares_of
from meshio.balancing.zone import FAIR, Allotment, Senders, Zone, ZoneAware, allot
from meshio.errors import NoHealthyHost
from meshio.message import Request

FULL = 100
FULL_WEIGHT = attrgetter("full_weight")


@dataclass(frozen=True, slots=True)
class Group(Generic[C]):
    """The hosts of one locality at one priority: all, and those of them that are healthy or degraded.

    excluded   those that count for nothing, neither as fit nor as unfit: hosts that drain
    place      the locality
    """

    hosts: tuple[C, ...]
    healthy: tuple[C, ...]
    degraded: tuple[C, ...] = ()
    weight: int = 0
    excluded: tuple[C, ...] = ()
    place: Hashable = None

    @property
    def counted(self) -> int:
        """How many hosts there are, without those that count for nothing."""
        return len(self.hosts) - len(self.excluded)


@dataclass(frozen=True, slots=True)
class Spread:
    """How load spreads over priorities and localities.

    overprovisioning    percent of its healthy share that a priority can take: 140 keeps all load until 72 % are left
    panic_threshold     percent of available hosts below which all hosts are used; 0 never
    locality_weighted   localities get load by their weight, not by the number of their hosts
    weighted_health     priorities are as healthy as the weights of their healthy hosts, not as the number of them
    zone_aware          what the own zone counts for; it counts for nothing without `senders`
    """

    overprovisioning: int = 140
    panic_threshold: float = 50.0
    locality_weighted: bool = False
    weighted_health: bool = False
    zone_aware: ZoneAware = FAIR
    senders: Senders | None = None

    @property
    def threshold(self) -> int:
        """The panic threshold as Envoy compares it."""
        return min(FULL, int(self.panic_threshold))


Tier = tuple[Group[C], ...]
Inner: TypeAlias = Callable[[Sequence[Tier[C]], Spread], Generator[None, None, Pick[C] | None]]
"""What builds the pick of a policy within another one, in steps."""
Choose = Callable[[Group[C]], tuple[C, ...]]
Shares = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loads:
    """What each priority takes, in percent of all requests: by healthy and by degraded hosts, or by any in panic."""

    healthy: Shares
    degraded: Shares
    panic: tuple[bool, ...]


def spread_loads(tiers: Sequence[Tier[C]], spread: Spread, each: Sequence[Spread] | None = None) -> Loads:
    """Envoy: `recalculatePerPriorityState`, then `recalculatePerPriorityPanic`.

    `each` says how much a priority can take, where priorities differ in that.
    """
    hosts, counted = count(tiers, everyone), [sum(group.counted for group in tier) for tier in tiers]
    healthy, degraded = count(tiers, healthy_hosts), count(tiers, degraded_hosts)
    sound, weak = [], []
    for tier, own, *size in zip(tiers, each or [spread] * len(tiers), healthy, degraded, counted, strict=True):
        fit, limping, total = weigh(tier) if own.weighted_health else size
        sound.append(availability(fit, total, own))
        weak.append(availability(limping, total, own))
    whole = min(FULL, sum(sound) + sum(weak))
    calm = (False,) * len(tiers)
    if whole == FULL:
        return Loads(*share_out(sound, weak, whole), calm)
    threshold = spread.threshold
    available = map(int.__add__, healthy, degraded)
    panic = tuple(
        FULL * fit < threshold * total if total else threshold > 0
        for fit, total in zip(available, counted, strict=True)
    )
    if all(panic):
        return Loads(by_number(hosts), (0,) * len(tiers), panic)
    if whole == 0:
        return Loads((FULL,) + (0,) * (len(tiers) - 1), (0,) * len(tiers), panic)
    return Loads(*share_out(sound, weak, whole), panic)


def loads_without(tiers: Sequence[Tier[C]], spread: Spread, excluded: frozenset[int]) -> Loads | None:
    """The loads when some priorities take none (Envoy: previous_priorities.cc); None when no other one is available."""
    healthy, degraded = count(tiers, healthy_hosts), count(tiers, degraded_hosts)
    counted = [sum(group.counted for group in tier) for tier in tiers]
    sound, weak = [], []
    for priority, (fit, limping, total) in enumerate(zip(healthy, degraded, counted, strict=True)):
        takes = priority not in excluded
        sound.append(availability(fit, total, spread) if takes else 0)
        weak.append(availability(limping, total, spread) if takes else 0)
    whole = min(FULL, sum(sound) + sum(weak))
    if whole == 0:
        return None
    return Loads(*share_out(sound, weak, whole), spread_loads(tiers, spread).panic)


def count(tiers: Sequence[Tier[C]], choose: Choose[C]) -> list[int]:
    return [sum(len(choose(group)) for group in tier) for tier in tiers]


def weigh(tier: Tier[C]) -> tuple[int, int, int]:
    """The weights of healthy hosts, of degraded ones and of all that count."""
    kinds = (healthy_hosts, degraded_hosts, everyone, excluded_hosts)
    healthy, degraded, total, apart = (sum(whole_weight(kind(group)) for group in tier) for kind in kinds)
    return healthy, degraded, total - apart


def whole_weight(hosts: tuple[C, ...]) -> int:
    return sum(map(FULL_WEIGHT, hosts))


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
    for shares, degraded in ((loads.healthy, False), (loads.degraded, True)):
        for priority, load in enumerate(shares):
            if load:
                lots.append((load, tier_pick(policy, tiers, spread, loads.panic, (priority, degraded))))
    if len(lots) == 1:
        return lots[0][1]
    return by_lot([(load, pick or nobody) for load, pick in lots]) if any(pick for _, pick in lots) else None


def tier_pick(
    policy: Policy, tiers: Sequence[Tier[C]], spread: Spread, panic: Sequence[bool], which: tuple[int, bool]
) -> Pick[C] | None:
    """The pick over one priority, `which` says which one, and whether of its degraded hosts.

    Consistent hashing knows no degraded hosts: what is theirs comes to the healthy ones, of which there may be none.
    """
    priority, degraded = which
    tier, consistent = tiers[priority], isinstance(policy, ConsistentPolicy)
    if panic[priority]:
        failing = spread.zone_aware.fail_on_panic and not consistent
        return None if failing else among(policy, tier, everyone, spread)
    choose = degraded_hosts if degraded and not consistent else healthy_hosts
    zoned = None
    if priority == 0 and spread.senders is not None and not consistent and not weighs(tier, spread):
        zoned = by_zone(policy, tier, choose, spread)
    return zoned or among(policy, tier, choose, spread)


def nobody(request: Request) -> NoReturn:
    raise NoHealthyHost("the priority or locality that was drawn has no host that may be picked")


def by_lot(lots: list[tuple[int, Pick[C]]]) -> Pick[C]:
    """Priorities by share of load. The key of a request decides where there is one (Envoy: `choosePriority`)."""
    bounds = list(accumulate(load for load, _ in lots))
    picks = tuple(pick for _, pick in lots)

    def pick(request: Request) -> C:
        draw = int(random() * FULL) if request.hash is None else request.hash % FULL
        return picks[bisect_left(bounds, draw + 1)](request)

    return pick


def everyone(group: Group[C]) -> tuple[C, ...]:
    return group.hosts


def healthy_hosts(group: Group[C]) -> tuple[C, ...]:
    return group.healthy


def degraded_hosts(group: Group[C]) -> tuple[C, ...]:
    return group.degraded


def excluded_hosts(group: Group[C]) -> tuple[C, ...]:
    return group.excluded


def among(policy: Policy, tier: Tier[C], choose: Choose[C], spread: Spread) -> Pick[C] | None:
    """The pick over one priority."""
    candidates = choose(tier[0]) if len(tier) == 1 else tuple(chain.from_iterable(map(choose, tier)))
    if not candidates:
        return None
    if spread.locality_weighted and isinstance(policy, ConsistentPolicy):
        return over_localities(policy, tier, choose)
    if not weighs(tier, spread):
        return policy.over(candidates)
    if choose is everyone:  # in panic, localities do not count (Envoy: `hostSourceToUse`)
        return policy.over(candidates)
    return by_locality(policy, tier, choose, spread) or policy.over(candidates)


def weighs(tier: Tier[C], spread: Spread) -> bool:
    """Whether localities are chosen by weight."""
    return spread.locality_weighted and any(group.weight for group in tier)


def by_zone(policy: Policy, tier: Tier[C], choose: Choose[C], spread: Spread) -> Pick[C] | None:
    """The own zone first; None where zones do not count. As in Envoy, a zone may be drawn that has no hosts."""
    rule, senders = spread.zone_aware, spread.senders
    assert senders is not None
    weigh = whole_weight if rule.by_weight else len
    zones = [Zone(group.place, len(group.healthy), weigh(group.healthy)) for group in tier]
    allotment = allot(zones, senders, rule)
    if allotment is None or rule.share == 0:
        return None
    if senders.available < spread.threshold:
        return nobody if rule.fail_on_panic else None
    picks = tuple(policy.over(choose(group)) if choose(group) else nobody for group in tier)
    return zoned_pick(picks, allotment, rule.share, among(policy, tier, choose, spread) or nobody)


def zoned_pick(picks: tuple[Pick[C], ...], allotment: Allotment, share: int, anywhere: Pick[C]) -> Pick[C]:
    draw = allotment.draw

    def pick(request: Request) -> C:
        if share < FULL and int(random() * FULL) >= share:
            return anywhere(request)
        return picks[draw()](request)

    return pick


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
    total = group.counted
    return group.weight * min(1.0, spread.overprovisioning / 100 * eligible / total) if total else 0.0


def over_localities(policy: ConsistentPolicy, tier: Tier[C], choose: Choose[C]) -> Pick[C] | None:
    """Consistent hashing spans localities: a host's share is its share of the locality's (thread_aware_lb_impl.cc)."""
    live = [(group.weight, choose(group)) for group in tier if group.weight and choose(group)]
    if not live:
        return None
    total = sum(weight for weight, _ in live)
    candidates = tuple(host for _, hosts in live for host in hosts)
    shares = tuple(share * (weight / total) for weight, hosts in live for share in shares_of(hosts))
    return policy.over_shares(candidates, shares)
