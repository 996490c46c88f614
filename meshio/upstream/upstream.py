"""A cluster in service: its hosts, its limits and the compiled pick.

Values come in through `update`, requests through `admit` and `settle`, time through `sweep`. The pick is
rebuilt after an update, an ejection or a return, never per request.
"""

from collections.abc import Callable

from meshio.balancing.arrange import reads_keys
from meshio.balancing.policy import Pick
from meshio.balancing.slow_start import slow_start_of
from meshio.balancing.zone import Senders
from meshio.message import Request
from meshio.resilience.outlier import Origin, Outliers
from meshio.upstream.breaker import Breaker
from meshio.upstream.checkups import examine, forgotten, passes, without
from meshio.upstream.choice import FEW, Choice
from meshio.upstream.cluster import ClientTls, Cluster, OriginalDestination
from meshio.upstream.destinations import Destinations, Known, nothing_known
from meshio.upstream.endpoint import Address, LoadAssignment
from meshio.upstream.host import Host
from meshio.upstream.keys import Keys, unnamed
from meshio.upstream.reports import Reports, reports_for
from meshio.upstream.roster import Groups, Roster, enlist
from meshio.upstream.sockets import tls_of
from meshio.upstream.standing import standings
from meshio.upstream.warmup import Warmup

NO_OUTCOME = 0  # a status for `settle`: the request was given up and says nothing about the host
SMOOTHING = 0.2  # weight of the newest latency in the moving average


class Upstream(Choice):
    """The live state of one cluster. One writer; nothing in here awaits.

    Of the thousands of clusters that a control plane tells, a process uses a few: hosts and pick are made when
    somebody asks for them, unless there are so many that the first request would wait for it.

    breaker   what is under way, and how much may be
    later     who is told that a pick takes long to build, and whether it will call `build` for it
    known     where the endpoints of hosts are that requests name
    whole     it is made of other clusters, whose hosts it has
    """

    __slots__ = (
        "_awake", "_destinations", "_examined", "_groups", "_high", "_known", "breaker", "later", "outliers", "reports",
        "warmup",
    )  # fmt: skip

    def __init__(
        self,
        later: "Callable[[Upstream], bool] | None" = None,
        key: Keys = unnamed,
        known: Known = nothing_known,
        *,
        whole: bool = False,
    ) -> None:
        super().__init__(key)
        self._known = known
        self.later = later
        self.breaker = Breaker(elsewhere=whole)
        self._high: Breaker | None = None
        self.outliers: Outliers[Host] | None = None
        self.warmup: Warmup | None = None
        self.reports: Reports | None = None
        self._awake, self._examined = True, False
        self._destinations: Destinations | None = None
        self._groups: Groups = ()

    @property
    def high(self) -> Breaker:
        """The same for requests of high priority, made when the first route has that."""
        if self._high is None:
            self._high = Breaker(elsewhere=self.breaker.elsewhere)
            self._high.limit(self.name, self.cluster.high_limits)
        return self._high

    @property
    def breakers(self) -> tuple[Breaker, ...]:
        """Of all priorities that there are requests of."""
        return (self.breaker,) if self._high is None else (self.breaker, self._high)

    @property
    def active(self) -> int:
        """Requests under way, of any priority."""
        high = self._high
        return self.breaker.active if high is None else self.breaker.active + high.active

    @property
    def pending(self) -> int:
        """Requests that wait for a connection, of any priority."""
        return sum(each.pending for each in self.breakers)

    @property
    def connections(self) -> int:
        """Connections open or being made, for any priority."""
        return sum(each.connections for each in self.breakers)

    @property
    def retries(self) -> int:
        """Retries under way, of any priority."""
        return sum(each.retries for each in self.breakers)

    def postponed(self) -> bool:
        return self.later is not None and self.later(self)

    def _limit(self, cluster: Cluster) -> None:
        self.breaker.limit(cluster.name, cluster.limits)
        if self._high is not None:
            self._high.limit(cluster.name, cluster.high_limits)

    @property
    def hosts(self) -> dict[Address, Host]:
        """The hosts by address."""
        self._wake()
        return self._hosts

    @property
    def serving(self) -> bool:
        """Whether there is any host to pick; while that is being found out for the first time, any host at all."""
        self._wake()
        return self._serving or (self._building is not None and bool(self._hosts))

    @property
    def groups(self) -> Groups:
        """The hosts of each locality."""
        self._wake()
        return self._groups

    def draft(self, cluster: Cluster, assignment: LoadAssignment) -> Roster | None:
        """A roster to be filled in steps and given to `update`; None where the update is quick without."""
        wanted = assignment.size > FEW and not isinstance(cluster.discovery, OriginalDestination)
        return Roster(cluster, assignment, self._hosts, self.cluster if self._hosts else None) if wanted else None

    def update(self, cluster: Cluster, assignment: LoadAssignment, roster: Roster | None = None) -> list[Host]:
        """Take over new values and return the hosts that left.

        A host that stays keeps its counters and connections; one whose TLS settings changed is another host.
        """
        self.name, self.cluster, self.assignment = cluster.name, cluster, assignment
        self._limit(cluster)
        self.keyed = reads_keys(cluster.policy)
        if isinstance(cluster.discovery, OriginalDestination):
            self._awake = True
            return self._update_destinations()
        self._destinations = None
        if not self._hosts and assignment.size <= FEW and slow_start_of(cluster.policy) is None:
            self._awake, self.pick = False, self._first
            self._watch()  # who sweeps asks at once when to come
            return []
        if roster is None or roster.before is not self._hosts or roster.assignment is not assignment:
            roster = enlist(cluster, assignment, self._hosts)
        return self._enlist(roster)

    def forget(self, address: Address) -> list[Host]:
        """The name that requests know a host by is not remembered any more. Returns the host, if there is one."""
        return [self._hosts.pop(address)] if address in self._hosts else []

    def retire(self) -> list[Host]:
        """The hosts that were ever made: all that there is to let go of when the cluster is gone."""
        return list(self._hosts.values())

    def _enlist(self, roster: Roster) -> list[Host]:
        self._awake = True
        if self.cluster.health_check is not None or self._examined:
            self._examined = self.cluster.health_check is not None
            examine(self.cluster, roster)
        self._hosts, self._groups = roster.hosts, roster.groups
        for host, endpoint, group in roster.renewed:
            host.describe(endpoint, group.locality, group.priority)
        self._watch()
        self._warm(roster)
        self.rebuild_pick()
        return roster.left()

    def _wake(self) -> None:
        if not self._awake:
            self._enlist(enlist(self.cluster, self.assignment, {}))

    def _first(self, request: Request) -> Host:
        """The pick before anybody has asked for a host."""
        self._wake()
        return self.pick(request)

    def _update_destinations(self) -> list[Host]:
        """Endpoints that the control plane does not know cannot leave; they leave when the TLS settings change."""
        self.outliers, self._groups = None, ()  # Envoy goes to the original destination whatever its health
        kept = {address: host for address, host in self._hosts.items() if self._keeps(host)}
        left = [host for address, host in self._hosts.items() if address not in kept]
        self._hosts = kept
        self._destinations = Destinations(kept, self.cluster, self._known)
        self.pick, self._serving = self._destinations.pick, True
        return left

    def _keeps(self, host: Host) -> bool:
        tls: ClientTls | None = tls_of(self.cluster, host.endpoint)
        return self._destinations is not None and host.tls == tls

    def _watch(self) -> None:
        """Ejections and load reports outlive an update, unless the settings say otherwise."""
        self.reports = reports_for(self.reports, self.cluster.policy, self._hosts.values())
        settings = self.cluster.outlier
        if settings is None:
            self.outliers = None
            for host in self._hosts.values():
                host.ejected = False
            return
        if self.outliers is None or self.outliers.settings != settings:
            self.outliers = Outliers(settings)
        self.outliers.watch(self._hosts.values())

    def _warm(self, roster: Roster) -> None:
        """Hosts that join begin slowly, if the policy wants it; when it wants it otherwise, earlier ones are done."""
        settings = slow_start_of(self.cluster.policy)
        if self.warmup is not None and self.warmup.settings != settings:
            self.warmup.end()
            self.warmup = None
        if settings is None:
            return
        self.warmup = self.warmup or Warmup(settings)
        self.warmup.watch(roster.hosts, roster.joined())

    def examined(self, host: Host) -> list[Host]:
        """A health check has changed how a host stands. Returns the host when it leaves for that."""
        left, outliers = [], self.outliers
        if host.ejected and passes(host) and outliers is not None and outliers.settings.unejects:
            outliers.restore(host)
        if forgotten(self._hosts, host):
            del self._hosts[host.endpoint.address]
            self._groups, left = without(self._groups, host), [host]
            self._watch()
        self.rebuild_pick()
        return left

    def compare(self, senders: Senders | None) -> None:
        """Take over what the local cluster looks like now."""
        if senders is not self._senders:
            self._senders = senders
            if self._awake and self._destinations is None:
                self.rebuild_pick()

    def admit(self, request: Request, avoid: int = 0) -> Host:
        """Choose a host. What becomes of the request there, `settle` is to be told.

        `avoid` is how often to draw again for a host that was not tried before. Raises NoHealthyHost, Dropped, and
        Unbuilt: ask again when the followers are called.
        """
        host = self.pick(request)
        if avoid:
            if request.tried:
                host = self._untried(request, host, avoid)
            request.tried = (*request.tried, host)
        return host

    def admit_by(self, pick: Pick[Host], request: Request, avoid: int) -> Host:
        """Like `admit`, by another pick. Nothing awaits in between."""
        own, self.pick = self.pick, pick
        try:
            return self.admit(request, avoid)
        finally:
            self.pick = own

    def _untried(self, request: Request, host: Host, avoid: int) -> Host:
        """Envoy's previous_hosts predicate; after `avoid` more draws any host will do."""
        while host in request.tried and request.passed_over < avoid:
            request.passed_over += 1
            host = self.pick(request)
        request.passed_over = 0
        return host

    def settle(self, host: Host, status: int, origin: Origin, seconds: float, now: float) -> bool:
        """A request has ended: say how it went. True when that has the host ejected.

        `status` is HTTP's; `origin` says whether it is the host's answer or a failure that we noticed (connection
        503, timeout 504). NO_OUTCOME says nothing about the host.
        """
        host.used = now
        if status == NO_OUTCOME:
            return False
        host.latency += SMOOTHING * (seconds - host.latency)
        if status >= 500:
            host.failures += 1
        return self.outliers is not None and self.observe(host, status, origin, now)

    def observe(self, host: Host, status: int, origin: Origin, now: float) -> bool:
        """What became of a request that is under way still: its answer has begun, or has broken off."""
        if self.outliers is None or not self.outliers.observe(host, status, origin, now):
            return False
        self.rebuild_pick()
        return True

    def leave(self, host: Host, seconds: float, now: float) -> None:
        """A request has ended of which it is known already how it went."""
        host.used = now
        host.latency += SMOOTHING * (seconds - host.latency)

    def sweep(self, now: float) -> float | None:
        """What time brings: hosts return from ejection, new ones grow, idle destinations are forgotten.

        To be called after each update, and again when it says.
        """
        if self._destinations is not None:
            return self._destinations.sweep(now)
        if self.outliers is None and self.warmup is None and self.reports is None:
            return None
        returned = self.outliers is not None and self.outliers.sweep(now)
        grown = self.warmup is not None and self.warmup.sweep(now)
        grown |= self.reports is not None and self.reports.sweep(now)
        if returned or grown:
            self.rebuild_pick()
        dues = (live.due(now) for live in (self.outliers, self.warmup, self.reports) if live is not None)
        return min((due for due in dues if due is not None), default=None)

    @property
    def went(self) -> tuple[Host, ...]:
        """Hosts that the last sweep has ejected."""
        return self.outliers.went if self.outliers is not None else ()

    def candidates(self) -> list[tuple[Host, str]]:
        """Every host and, in words, whether it takes requests or why it does not."""
        if self._destinations is not None:
            return [(host, "takes the requests to its address") for host in self._hosts.values()]
        self._wake()
        return standings(self._groups, self._spread())
