"""How the hosts of a cluster stand: sorted for the balancer, and in words."""

from collections.abc import Generator

from meshio.balancing.locality import FULL, Group, Spread, Tier, spread_loads
from meshio.balancing.policy import PORTION, finished
from meshio.balancing.zone import Senders
from meshio.upstream.endpoint import NOWHERE, Locality, LocalityEndpoints
from meshio.upstream.host import DEGRADED, FIT, UNFIT, Host, all_fit
from meshio.upstream.roster import Groups


def tiers(groups: Groups) -> list[Tier[Host]]:
    """The hosts by priority and locality, sorted by condition. There is always a first priority."""
    return finished(sorting(groups))


def sorting(groups: Groups) -> Generator[None, None, list[Tier[Host]]]:
    """The same, yielding about every millisecond."""
    found: list[list[Group[Host]]] = [[] for _ in range(1 + max((group.priority for group, _ in groups), default=0))]
    looked_at = 0
    for group, hosts in once_each(groups):
        looked_at += len(hosts)
        if looked_at > PORTION:
            looked_at = 0
            yield
        found[group.priority].append((yield from sort_by_condition(hosts, group.weight, group.locality)))
    return [tuple(tier) for tier in found]


def once_each(groups: Groups) -> Groups:
    """Groups of one priority and locality as one, which has the last one's weight (Envoy: `PriorityStateManager`)."""
    places = [(group.priority, group.locality) for group, _ in groups]
    if len(set(places)) == len(places):
        return groups
    joined: dict[tuple[int, Locality], tuple[LocalityEndpoints, tuple[Host, ...]]] = {}
    for place, (group, hosts) in zip(places, groups, strict=True):
        before, known = joined.get(place, (group, ()))
        joined[place] = (group if group.weight else before, known + hosts)
    return tuple(joined.values())


def sort_by_condition(
    hosts: tuple[Host, ...], weight: int, place: Locality = NOWHERE
) -> Generator[None, None, Group[Host]]:
    healthy: list[Host] = []
    degraded: list[Host] = []
    excluded: list[Host] = []
    for start in range(0, len(hosts), PORTION):
        if start:
            yield
        some = hosts[start : start + PORTION]
        if all_fit(some):
            healthy += some
            continue
        conditions = [host.condition for host in some]
        healthy += [host for host, condition in zip(some, conditions, strict=True) if condition is FIT]
        degraded += [host for host, condition in zip(some, conditions, strict=True) if condition is DEGRADED]
        excluded += [host for host in some if host.endpoint.health == "draining" or is_uncounted(host)]
    fit = hosts if len(healthy) == len(hosts) else tuple(healthy)
    return Group(hosts, fit, tuple(degraded), weight, tuple(excluded), place)


def is_uncounted(host: Host) -> bool:
    return host.checkup is not None and host.checkup.uncounted


def senders(groups: Groups, place: Locality) -> Senders | None:
    """The local cluster as zones see it; None where it has no priority of its own to look at (Envoy wants one)."""
    (first, *more) = tiers(groups)
    if more or not first:
        return None
    total = sum(len(group.hosts) for group in first)
    available = sum(len(group.healthy) + len(group.degraded) for group in first)
    return Senders(
        place,
        {group.place: len(group.hosts) for group in first},
        {group.place: len(group.healthy) for group in first},
        {group.place: sum(host.full_weight for host in group.healthy) for group in first},
        FULL * available / total if total else 0.0,
    )


def standings(groups: Groups, spread: Spread) -> list[tuple[Host, str]]:
    """Every host and, in words, whether it takes requests or why it does not."""
    loads = spread_loads(tiers(groups), spread)
    return [
        (host, standing(host, loads.healthy[p], loads.degraded[p], loads.panic[p]))
        for group, hosts in groups
        for p in [group.priority]
        for host in hosts
    ]


def standing(host: Host, healthy: int, degraded: int, panic: bool) -> str:
    """Why a host takes requests or does not, given the percentages that its priority takes."""
    load = healthy if panic or host.condition is FIT else degraded
    idle = f"waits: priority {host.priority} takes no requests now"
    if panic:
        return "takes requests: panic, too few hosts are healthy" if load else idle
    if host.ejected:
        return "ejected by outlier detection"
    if host.checkup is not None and host.checkup.failed:
        return str(host.checkup)
    if host.condition is UNFIT:
        return f"{host.endpoint.health}, says the control plane"
    words = "takes requests" + (", degraded" if host.condition is DEGRADED else "")
    words += ", new" if isinstance(host.weight, float) else ""
    return f"{words}: priority {host.priority} takes {load} % of them" if load else idle
