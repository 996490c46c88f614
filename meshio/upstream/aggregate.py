"""A cluster that is made of others: their priorities in line. Envoy: extensions/clusters/aggregate/cluster.cc.

Its own limit of retries counts; hosts, connections, ejections and all other limits are those of the clusters in it.
"""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from random import random

from meshio.balancing.arrange import arrange_by
from meshio.balancing.locality import FULL, Spread, Tier, spread_loads, tier_pick
from meshio.balancing.policy import Pick, finished
from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.resilience.outlier import Origin
from meshio.upstream.cluster import Aggregate, Cluster
from meshio.upstream.endpoint import LoadAssignment
from meshio.upstream.host import Host
from meshio.upstream.roster import Roster
from meshio.upstream.upstream import Upstream


class Aggregated(Upstream):
    """An upstream without hosts of its own. `gather` tells it which upstreams there are."""

    __slots__ = ("_bounds", "_lots", "_members")

    def __init__(self) -> None:
        super().__init__(whole=True)
        self._members: tuple[Upstream, ...] = ()
        self._lots: list[tuple[Upstream, Pick[Host] | None]] = []
        self._bounds: list[int] = []

    def update(self, cluster: Cluster, assignment: LoadAssignment, roster: Roster | None = None) -> list[Host]:
        """Take over new values. No host ever leaves."""
        self.name, self.cluster, self.assignment = cluster.name, cluster, assignment
        self._limit(cluster)
        self._rebuild()
        return []

    def gather(self, upstreams: Mapping[str, Upstream]) -> None:
        """Take over the clusters that it is made of, as far as they exist; another aggregate has no hosts for it."""
        assert isinstance(self.cluster.discovery, Aggregate)
        found = (upstreams.get(name) for name in self.cluster.discovery.clusters)
        members = tuple(each for each in found if each is not None and not isinstance(each, Aggregated))
        if members != self._members:
            self.retire()
            self._members = members
            for member in members:
                member.follow(self._rebuild)
            self._rebuild()

    def retire(self) -> list[Host]:
        """Let go of the clusters that it is made of; none of their hosts leaves."""
        for member in self._members:
            member.unfollow(self._rebuild)
        return []

    def _rebuild(self) -> None:
        members = [(member, *member.standing()) for member in self._members]
        line = [(m, p, tier, spread) for m, grouped, spread in members for p, tier in enumerate(grouped) if size(tier)]
        loads = spread_loads(
            [tier for _, _, tier, _ in line] or [()],
            Spread(panic_threshold=self.cluster.panic_threshold),
            [spread for *_, spread in line] or None,
        )
        self.keyed = any(member.keyed for member in self._members)
        self._lots, shares = [], []
        for load, degraded in ((loads.healthy, False), (loads.degraded, True)):
            for (member, priority, *_), share in zip(line, load, strict=False):
                if share:
                    self._lots.append((member, pick_at(member, priority, degraded)))
                    shares.append(share)
        self._bounds = list(accumulate(shares))
        self._serving = any(pick is not None for _, pick in self._lots)

    def admit(self, request: Request, avoid: int = 0) -> Host:
        """Choose a priority by its share of the load, whatever is hashed; then a host as its cluster does.

        Raises as that cluster does: NoHealthyHost.
        """
        member, pick = self._draw()
        host = member.admit_by(pick, request, avoid)
        host.home = member
        return host

    def _draw(self) -> tuple[Upstream, Pick[Host]]:
        if self._lots:
            member, pick = self._lots[bisect_left(self._bounds, int(random() * FULL) + 1)]
            if pick is not None:
                return member, pick
        raise NoHealthyHost(f"cluster {self.name!r} is made of clusters without a host that may be picked")

    def settle(self, host: Host, status: int, origin: Origin, seconds: float, now: float) -> bool:
        """How it went is the matter of the host's cluster."""
        return home_of(host).settle(host, status, origin, seconds, now)

    def observe(self, host: Host, status: int, origin: Origin, now: float) -> bool:
        """Ejection is the matter of the host's cluster."""
        return home_of(host).observe(host, status, origin, now)

    def leave(self, host: Host, seconds: float, now: float) -> None:
        """How long it took is the matter of the host's cluster."""
        home_of(host).leave(host, seconds, now)

    def sweep(self, now: float) -> float | None:
        """Nothing happens here by itself."""
        return None

    def candidates(self) -> list[tuple[Host, str]]:
        """The hosts of the clusters in it, each as it stands there."""
        return [each for member in self._members for each in member.candidates()]


def pick_at(upstream: Upstream, priority: int, degraded: bool) -> Pick[Host] | None:
    """The pick over one priority, of its healthy hosts or of its degraded ones; None when it has none."""
    grouped, spread = upstream.standing()
    panic, which = spread_loads(grouped, spread).panic, (priority, degraded)
    policy = upstream.cluster.policy
    steps = arrange_by(lambda each: tier_pick(each, grouped, spread, panic, which), policy, upstream)
    return finished(steps)


def size(tier: Tier[Host]) -> int:
    return sum(len(group.hosts) for group in tier)


def home_of(host: Host) -> Upstream:
    """The cluster that the host was picked from."""
    assert host.home is not None
    return host.home
