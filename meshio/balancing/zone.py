"""Zone awareness: requests stay in the zone they come from, as far as hosts are spread as those who send are.

Envoy: `ZoneAwareLoadBalancerBase::regenerateLocalityRoutingStructures` (load_balancer_impl.cc), whole numbers and all.
The hosts of the local cluster (`local_cluster_name`) are the ones that send.
"""

from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import random

WHOLE = 10_000  # parts, in which shares of hosts are told


@dataclass(frozen=True, slots=True)
class ZoneAware:
    """How a cluster prefers the zone of who asks.

    share           percent of the requests for which the zone counts
    least           healthy hosts that the cluster has to have
    fail_on_panic   answer 503 where too few hosts are healthy, instead of using all
    forced          so many healthy hosts in the own zone take all requests; None: only as many as is fair
    by_weight       zones are as large as the weights of their healthy hosts, not as the number of them
    """

    share: int = 100
    least: int = 6
    fail_on_panic: bool = False
    forced: int | None = None
    by_weight: bool = False


FAIR = ZoneAware()


@dataclass(frozen=True, slots=True)
class Senders:
    """The local cluster: where this process is, and where all that send are.

    place       the own locality
    hosts       how many hosts each locality has
    healthy, weights   how many of them are healthy, and the weights of these
    available   percent of all that are healthy or degraded
    """

    place: Hashable
    hosts: Mapping[Hashable, int]
    healthy: Mapping[Hashable, int]
    weights: Mapping[Hashable, int]
    available: float


@dataclass(frozen=True, slots=True)
class Zone:
    """What one locality of a cluster has: healthy hosts, and their weight where that counts."""

    place: Hashable
    healthy: int
    weight: int


@dataclass(frozen=True, slots=True)
class Allotment:
    """Where requests go, by position in the cluster's zones.

    own      the own zone; None where the cluster has no hosts there
    share    parts of WHOLE that stay in it
    bounds   the rest, shared out by the capacity that the other zones have left, added up
    """

    own: int | None
    share: int
    bounds: tuple[int, ...]

    def draw(self) -> int:
        """The position of the zone that takes a request (Envoy: `tryChooseLocalLocalityHosts`)."""
        if self.own is not None and int(random() * WHOLE) < self.share:
            return self.own
        left = self.bounds[-1]
        if left == 0:  # rounding: nobody has anything left
            return int(random() * len(self.bounds))
        return bisect_right(self.bounds, int(random() * left))


def allot(zones: Sequence[Zone], senders: Senders, rule: ZoneAware) -> Allotment | None:
    """How the zones share the requests; None where zones do not count."""
    if len(zones) < 2 or (rule.forced is None and len(senders.hosts) < 2):
        return None
    if not senders.hosts.get(senders.place) or sum(zone.healthy for zone in zones) < rule.least:
        return None
    own = next((i for i, zone in enumerate(zones) if zone.place == senders.place), None)
    here, there = shares(zones, senders, rule)
    if own is not None:
        fair = there[own] > 0 and there[own] >= here[own]
        if fair or (rule.forced is not None and zones[own].healthy >= rule.forced):
            return Allotment(own, WHOLE, (0,) * len(zones))
    stays = there[own] * WHOLE // here[own] if own is not None and here[own] else 0
    left = [0 if i == own else max(0, there[i] - here[i]) for i in range(len(zones))]
    return Allotment(own, stays, tuple(accumulate(left)))


def shares(zones: Sequence[Zone], senders: Senders, rule: ZoneAware) -> tuple[list[int], list[int]]:
    """For each zone: which part of those that send is there, and which part of the hosts (of WHOLE)."""
    sending = senders.weights if rule.by_weight else senders.healthy
    sizes = [zone.weight if rule.by_weight else zone.healthy for zone in zones]
    all_senders, all_hosts = sum(sending.values()), sum(sizes)
    here = [WHOLE * sending.get(zone.place, 0) // all_senders if all_senders and zone.healthy else 0 for zone in zones]
    there = [WHOLE * size // all_hosts if all_hosts else 0 for size in sizes]
    return here, there
