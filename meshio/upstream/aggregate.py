"""A cluster that is made of others: their priorities in line. Envoy: extensions/clusters/aggregate/cluster.cc.

Its own limit of retries counts; hosts, connections, ejections and all other limits are those of the clusters in it.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Mapping
from itertools import accumulate
from random import random
from typing import TypeAlias

from meshio.balancing.arrange import arrange, arrange_by, reads_keys
from meshio.balancing.locality import FULL, Spread, Tier, spread_loads, tier_pick
from meshio.balancing.policy import Pick, finished
from meshio.errors import NoHealthyHost, Unbuilt
from meshio.message import Request
from meshio.resilience.outlier import Origin
from meshio.upstream.cluster import Aggregate, Cluster
from meshio.upstream.endpoint import LoadAssignment
from meshio.upstream.host import Host
from meshio.upstream.roster import Roster
from meshio.upstream.standby import standby
from meshio.upstream.upstream import Upstream

Standing: TypeAlias = tuple[list[Tier[Host]], Spread]
Lots: TypeAlias = tuple[tuple[Upstream, Pick[Host] | None], ...]


class Aggregated(Upstream):
    """An upstream without hosts of its own. `gather` tells it which upstreams there are."""

    __slots__ = ("_bounds", "_built", "_lots", "_members")

    def __init__(self, later: Callable[[Upstream], bool] | None = None) -> None:
        super().__init__(later, whole=True)
        self._members: tuple[Upstream, ...] = ()
        self._lots: Lots = ()
        self._built: Lots = ()
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

    @property
    def few(self) -> bool:
        """Whether that is true of all members."""
        return all(member.few for member in self._members)

    def _rebuild(self) -> None:
        self.keyed = any(member.keyed for member in self._members)
        self.rebuild_pick()

    def _steps(self) -> Generator[None, None, Pick[Host] | None]:
        line: list[tuple[Upstream, int, Standing]] = []
        for member in self._members:
            standing = yield from member.standing_in_steps()
            line += [(member, p, standing) for p, tier in enumerate(standing[0]) if size(tier)]
        loads = spread_loads(
            [tiers[priority] for _, priority, (tiers, _) in line] or [()],
            Spread(panic_threshold=self.cluster.panic_threshold),
            [spread for *_, (_, spread) in line] or None,
        )
        lots: list[tuple[Upstream, Pick[Host] | None]] = []
        shares = []
        # A ring or a table chooses among its own priorities by key, whatever was drawn (thread_aware_lb_impl.cc).
        whole: dict[Upstream, Pick[Host] | None] = {}
        for load, degraded in ((loads.healthy, False), (loads.degraded, True)):
            for (member, priority, standing), share in zip(line, load, strict=False):
                if share:
                    if member in whole:
                        pick = whole[member]
                    elif reads_keys(member.cluster.policy):
                        pick = whole[member] = yield from arrange(member.cluster.policy, *standing, member)
                    else:
                        pick = yield from picking(member, standing, priority, degraded)
                    lots.append((member, pick))
                    shares.append(share)
        self._lots = self._built = tuple(lots)
        self._bounds = list(accumulate(shares))
        return self._drawn if any(pick is not None for _, pick in lots) else None

    def _stand_by(self) -> None:
        """The former picks of the members serve, without hosts that have left or are ill; or requests have to wait."""
        same = all(member in self._members for member, _ in self._built)
        self._lots = tuple((member, still(member, pick)) for member, pick in self._built) if same else ()
        super()._stand_by()

    def _drawn(self, request: Request) -> Host:
        _, pick = self._draw()
        return pick(request)

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
        elif self._building is not None:
            raise Unbuilt(f"the picks of the clusters in {self.name!r} are being built")
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
    return finished(picking(upstream, upstream.standing(), priority, degraded))


def picking(
    upstream: Upstream, standing: Standing, priority: int, degraded: bool
) -> Generator[None, None, Pick[Host] | None]:
    """The same, yielding about every millisecond."""
    grouped, spread = standing
    panic, which = spread_loads(grouped, spread).panic, (priority, degraded)
    policy = upstream.cluster.policy
    return arrange_by(lambda each: tier_pick(each, grouped, spread, panic, which), policy, upstream)


def still(member: Upstream, pick: Pick[Host] | None) -> Pick[Host] | None:
    """A former pick, for as long as the next one is being built."""
    return None if pick is None else standby(member.cluster.policy, pick, member.standing, member.hosts)


def size(tier: Tier[Host]) -> int:
    return sum(len(group.hosts) for group in tier)


def home_of(host: Host) -> Upstream:
    """The cluster that the host was picked from."""
    assert host.home is not None
    return host.home
