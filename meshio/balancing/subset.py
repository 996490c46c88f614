"""Endpoints by their labels: a request that asks for some goes to those that have them.

Envoy: source/extensions/load_balancing_policies/subset/subset_lb.cc. Each subset is a small cluster of its own, with
its own priorities and panic. Which host belongs to which subset is worked out when hosts change; the pick among the
hosts of one subset when the first request asks for it.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Generic, Literal, TypeAlias

from meshio.balancing.labels import Label, Labels, alternatives
from meshio.balancing.locality import Group, Inner, Spread, Tier
from meshio.balancing.policy import C, Pick, Policy, finished
from meshio.errors import NoHealthyHost
from meshio.message import Request

Fallback: TypeAlias = Literal["none", "any", "default", "keys", ""]
Place: TypeAlias = tuple[int, int]
"""A priority and the position of a locality in it."""

PORTION = 1024  # hosts between two turns of the loop: less than a millisecond, where they share their labels
FEW = 64  # kinds of labels that are new between two turns of the loop
ALTERNATIVES = "fallback_list"  # what routes call a list of other labels to try


@dataclass(frozen=True, slots=True)
class Selector:
    """Names of labels (sorted) that make subsets: one for each combination of their values.

    fallback        for requests that ask for these names and find no host: no host, any, the default subset, the
                    subset of fewer names (`fallback_keys`), or "" for what holds for all requests
    single          one host a subset, whatever its health
    """

    keys: tuple[str, ...]
    fallback: Fallback = ""
    fallback_keys: tuple[str, ...] = ()
    single: bool = False


@dataclass(frozen=True, slots=True)
class Subset:
    """child          the policy within a subset
    fallback       for requests that ask for nothing, or find nothing: no host, any, or those with the labels `default`
    panic_any      any host, when the hosts of the fallback are ill
    list_as_any    a host with a list as its label is in the subset of each item
    weigh          localities count by their weights within a subset; `scale`: by the share of their hosts in it
    alternatives   whether routes may give a list of labels to try one after the other
    redundant      what a route asks for beyond a selector's names does not count
    """

    child: Policy
    selectors: tuple[Selector, ...] = ()
    fallback: Fallback = "none"
    default: Labels = ()
    panic_any: bool = False
    list_as_any: bool = False
    weigh: bool = False
    scale: bool = False
    alternatives: bool = False
    redundant: bool = False

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Where nobody knows labels, all candidates are one subset."""
        return self.child.over(candidates)

    def arranging(
        self, tiers: Sequence[Tier[C]], spread: Spread, inner: Inner[C]
    ) -> Generator[None, None, Pick[C] | None]:
        """Sort the hosts into subsets. `inner` builds the child's pick over some of them."""
        sorting = Sorting(self, tiers, spread, inner)
        sorted_before = 0
        for at, tier in enumerate(tiers):
            for i, group in enumerate(tier):
                for start in range(0, len(group.hosts), PORTION):
                    some = group.hosts[start : start + PORTION]
                    sorted_before += len(some)
                    if sorted_before > PORTION:
                        sorted_before = len(some)
                        yield
                    yield from sorting.add((at, i), some)
        return chosen(self, sorting) if any(group.hosts for tier in tiers for group in tier) else None

    def labels_in(self, own: dict[str, Label], keys: tuple[str, ...]) -> Iterable[Labels]:
        """The subsets of these names that hosts with such labels belong to: none, if they have not all of them."""
        if not keys or any(key not in own for key in keys):
            return ()
        values = [alternatives(own[key]) if self.list_as_any else (own[key],) for key in keys]
        return (tuple(zip(keys, each, strict=True)) for each in product(*values))

    def is_default(self, own: dict[str, Label]) -> bool:
        """Whether hosts with such labels belong to the default subset."""
        return all(self.matches(own.get(key), wanted) for key, wanted in self.default)

    def matches(self, label: Label | None, wanted: Label) -> bool:
        if label is None:
            return False
        return label == wanted or (self.list_as_any and wanted in alternatives(label))

    def fallbacks(self) -> dict[tuple[str, ...], Selector]:
        """Who decides for requests that ask for these names.

        Envoy keeps names as a tree: a selector whose names begin a former one's has no say (`initSubsetSelectorMap`).
        """
        known: dict[tuple[str, ...], Selector] = {}
        for selector in self.selectors:
            for length in range(1, len(selector.keys) + 1):
                names = selector.keys[:length]
                known.setdefault(names, selector if names == selector.keys else Selector(names))
        return known


@dataclass(slots=True)
class Members(Generic[C]):
    """The hosts of one subset by locality, and the pick among them once somebody asked."""

    hosts: dict[Place, list[C]] = field(default_factory=dict)
    single: bool = False
    pick: Pick[C] | None = None
    built: bool = False


@dataclass(slots=True)
class Sorting(Generic[C]):
    """Hosts by subset. Two more subsets hold all hosts and those of the default.

    homes   where hosts of some labels belong, at the place that is looked at: most share their labels with others
    """

    policy: Subset
    tiers: Sequence[Tier[C]]
    spread: Spread
    inner: Inner[C]
    subsets: dict[Labels, Members[C]] = field(default_factory=dict)
    everyone: Members[C] = field(default_factory=Members)
    default: Members[C] = field(default_factory=Members)
    homes: dict[Labels, tuple[list[C], ...]] = field(default_factory=dict)
    place: Place = (-1, 0)

    def add(self, place: Place, hosts: Sequence[C]) -> Generator[None, None, None]:
        """Some hosts of a locality. Yields where they have little in common."""
        if place != self.place:
            self.place = place
            self.homes.clear()
            self.everyone.hosts[place] = []
        self.everyone.hosts[place] += hosts
        homes = self.homes
        known = len(homes)
        for host in hosts:
            labels = host.labels
            home = homes.get(labels)
            if home is None:
                if len(homes) - known > FEW:
                    known = len(homes)
                    yield
                home = homes[labels] = self.home(labels)
            for members in home:
                members.append(host)

    def home(self, labels: Labels) -> tuple[list[C], ...]:
        """Where hosts with these labels belong, in the locality that is looked at; in no subset twice."""
        own = dict(labels)
        found: dict[Labels | None, Members[C]] = {}
        if self.policy.is_default(own):
            found[None] = self.default
        for selector in self.policy.selectors:
            for subset in self.policy.labels_in(own, selector.keys):
                members = self.subsets.get(subset)
                if members is None:
                    members = self.subsets[subset] = Members(single=selector.single)
                found[subset] = members
        return tuple(members.hosts.setdefault(self.place, []) for members in found.values())

    def pick(self, members: Members[C]) -> Pick[C] | None:
        """The pick within one subset; None when no host of it may be picked."""
        if not members.built:
            members.built = True
            members.pick = self.single(members.hosts) if members.single else self.among(members.hosts)
        return members.pick

    def single(self, hosts: dict[Place, list[C]]) -> Pick[C]:
        only = hosts[min(hosts)][0]
        return lambda request: only

    def among(self, hosts: dict[Place, list[C]]) -> Pick[C] | None:
        weighted = self.spread.locality_weighted and self.policy.weigh
        tiers = [
            tuple(self.narrowed(group, tuple(hosts.get((at, i), ()))) for i, group in enumerate(tier))
            for at, tier in enumerate(self.tiers)
        ]
        return finished(self.inner(tiers, replace(self.spread, locality_weighted=weighted)))

    def narrowed(self, group: Group[C], hosts: tuple[C, ...]) -> Group[C]:
        """Those of a locality that belong to a subset."""
        weight = group.weight
        if self.policy.scale and group.hosts:
            weight = half_up(weight * len(hosts) / len(group.hosts))
        if not hosts:
            return replace(group, hosts=(), healthy=(), degraded=(), excluded=(), weight=weight)
        if group.healthy is group.hosts and not group.excluded:
            return replace(group, hosts=hosts, healthy=hosts, weight=weight)
        members = set(hosts)
        healthy, degraded, excluded = (
            tuple(host for host in some if host in members) for some in (group.healthy, group.degraded, group.excluded)
        )
        return replace(group, hosts=hosts, healthy=healthy, degraded=degraded, excluded=excluded, weight=weight)


def half_up(value: float) -> int:
    """Rounded as C++ does it."""
    return int(value + 0.5)


def chosen(policy: Subset, sorting: Sorting[C]) -> Pick[C]:
    """The pick over all subsets."""
    deciders = policy.fallbacks()
    general = {"any": sorting.everyone, "default": sorting.default}.get(policy.fallback)

    def pick(request: Request) -> C:
        wanted: Labels = getattr(request, "wanted", ())
        others = dict(wanted).get(ALTERNATIVES) if policy.alternatives else None
        found = lookup(request, wanted) if others is None else first_of(request, wanted, others)
        if found is None:
            raise NoHealthyHost("no host that may be picked has the labels that are asked for")
        return found

    def first_of(request: Request, wanted: Labels, others: Label) -> C | None:
        """Each of some labels in turn, together with what is asked for anyway."""
        kept = {name: label for name, label in wanted if name != ALTERNATIVES}
        listed = [dict(fields_of(each)) for each in alternatives(others)] if is_list(others) else []
        for each in listed or [{}]:
            found = lookup(request, tuple(sorted((kept | each).items())))
            if found is not None:
                return found
        return None

    def lookup(request: Request, wanted: Labels) -> C | None:
        if policy.redundant:
            wanted = needed(policy.selectors, wanted)
        members = sorting.subsets.get(wanted)
        if members is not None:
            return asked(sorting.pick(members), request)
        decider = deciders.get(tuple(name for name, _ in wanted))
        match decider.fallback if decider is not None else "":
            case "any":
                return asked(sorting.pick(sorting.everyone), request)
            case "default":
                return asked(sorting.pick(sorting.default), request)
            case "keys" if decider is not None:
                return lookup(request, tuple(each for each in wanted if each[0] in decider.fallback_keys))
            case "none":
                return None
        return last_resort(request)

    def last_resort(request: Request) -> C | None:
        if general is None:
            return None
        found = asked(sorting.pick(general), request)
        return asked(sorting.pick(sorting.everyone), request) if found is None and policy.panic_any else found

    return pick


def asked(pick: Pick[C] | None, request: Request) -> C | None:
    """What a pick says; None for nobody."""
    if pick is None:
        return None
    try:
        return pick(request)
    except NoHealthyHost:
        return None


def needed(selectors: tuple[Selector, ...], wanted: Labels) -> Labels:
    """What the first selector that is asked for entirely looks at."""
    names = {name for name, _ in wanted}
    for selector in selectors:
        if names.issuperset(selector.keys):
            return tuple(each for each in wanted if each[0] in selector.keys)
    return wanted


def is_list(label: Label) -> bool:
    return isinstance(label, tuple) and label[0] == "list"


def fields_of(label: Label) -> Labels:
    """The fields of an object; nothing of anything else."""
    if isinstance(label, tuple) and label[0] == "struct" and isinstance(label[1], tuple):
        return label[1]
    return ()
