"""A cluster in service: its hosts, its limits and the compiled pick.

Values come in through `update`, requests through `admit` and `settle`, time through `sweep`. The pick is
rebuilt after an update, an ejection or a return, never per request.
"""

from random import random
from typing import NoReturn

from meshio.balancing.locality import Group, Spread, Tier, compose, spread_loads
from meshio.balancing.policy import Pick
from meshio.errors import AllDropped, Dropped, NoHealthyHost, Overloaded
from meshio.message import Request
from meshio.resilience.outlier import Outliers
from meshio.upstream.cluster import ClientTls, Cluster, OriginalDestination
from meshio.upstream.destinations import Destinations
from meshio.upstream.endpoint import Address, LoadAssignment, LocalityEndpoints
from meshio.upstream.host import DEGRADED, FIT, UNFIT, Host
from meshio.upstream.sockets import tls_of

NO_OUTCOME = 0  # a status for `settle`: the request was given up and says nothing about the host
EMPTY = LoadAssignment("")
SMOOTHING = 0.2  # weight of the newest latency in the moving average


class Upstream:
    """The live state of one cluster. One writer; nothing in here awaits.

    active                requests under way; `limits.requests` bounds it
    connections, pending  counted by `transport` against `limits.connections` and `limits.pending`
    retries               retries under way; `limits.retries` or the budget bounds it
    pick, serving         the compiled choice among the hosts, replaced whole; whether there is any to choose
    """

    __slots__ = (
        "_destinations", "_groups", "_max_requests", "active", "assignment", "cluster", "connections", "hosts",
        "name", "outliers", "pending", "pick", "retries", "serving",
    )  # fmt: skip

    cluster: Cluster
    """Set by the first `update`; there is nothing to serve before."""

    def __init__(self) -> None:
        self.name = ""
        self.assignment: LoadAssignment = EMPTY
        self.hosts: dict[Address, Host] = {}
        self.active = self.pending = self.connections = self.retries = 0
        self.outliers: Outliers[Host] | None = None
        self.pick: Pick[Host] = self._nobody
        self.serving = False
        self._destinations: Destinations | None = None
        self._groups: list[tuple[LocalityEndpoints, tuple[Host, ...]]] = []
        self._max_requests = 0

    def update(self, cluster: Cluster, assignment: LoadAssignment) -> list[Host]:
        """Take over new values and return the hosts that left.

        A host that stays keeps its counters and connections; one whose TLS settings changed is another host.
        """
        self.name, self.cluster, self.assignment = cluster.name, cluster, assignment
        self._max_requests = cluster.limits.requests
        if isinstance(cluster.discovery, OriginalDestination):
            return self._update_destinations()
        left, self.hosts, self._destinations = self.hosts, {}, None
        self._groups = [(group, self._take_over(group, left)) for group in assignment.localities]
        self._watch()
        self.rebuild_pick()
        return list(left.values())

    def _take_over(self, group: LocalityEndpoints, left: dict[Address, Host]) -> tuple[Host, ...]:
        """The hosts of one locality; those that were there before move over from `left`."""
        hosts = []
        for endpoint in group.endpoints:
            if endpoint.address in self.hosts:
                continue  # named twice: the first one counts, as in Envoy
            tls = tls_of(self.cluster, endpoint)
            host = left.get(endpoint.address)
            if host is None or host.tls != tls:
                host = Host(endpoint, tls)
            else:
                del left[endpoint.address]
            host.describe(endpoint, group.locality, group.priority)
            self.hosts[endpoint.address] = host
            hosts.append(host)
        return tuple(hosts)

    def _update_destinations(self) -> list[Host]:
        """Endpoints that the control plane does not know cannot leave; they leave when the TLS settings change."""
        self.outliers, self._groups = None, []  # Envoy goes to the original destination whatever its health
        kept = {address: host for address, host in self.hosts.items() if self._keeps(host)}
        left = [host for address, host in self.hosts.items() if address not in kept]
        self.hosts = kept
        self._destinations = Destinations(kept, self.cluster)
        self.pick, self.serving = self._destinations.pick, True
        return left

    def _keeps(self, host: Host) -> bool:
        tls: ClientTls | None = tls_of(self.cluster, host.endpoint)
        return self._destinations is not None and host.tls == tls

    def _watch(self) -> None:
        """Ejections outlive an update, unless outlier detection was switched off."""
        settings = self.cluster.outlier
        if settings is None:
            self.outliers = None
            for host in self.hosts.values():
                host.ejected = False
            return
        if self.outliers is None or self.outliers.settings != settings:
            self.outliers = Outliers(settings)
        self.outliers.watch(self.hosts.values())

    def rebuild_pick(self) -> None:
        """After an update, an ejection or a return."""
        found = compose(self.cluster.policy, self.tiers(), self.spread())
        self.serving, pick = found is not None, found or self._nobody
        self.pick = dropping(pick, self.assignment.drop) if self.assignment.drop else pick

    def spread(self) -> Spread:
        cluster = self.cluster
        return Spread(self.assignment.overprovisioning, cluster.panic_threshold, cluster.locality_weighted)

    def tiers(self) -> list[Tier[Host]]:
        """The hosts by priority and locality, sorted by condition. There is always a first priority."""
        tiers: list[list[Group[Host]]] = [
            [] for _ in range(1 + max((group.priority for group, _ in self._groups), default=0))
        ]
        for group, hosts in self._groups:
            tiers[group.priority].append(sort_by_condition(hosts, group.weight))
        return [tuple(tier) for tier in tiers]

    def _nobody(self, request: Request) -> NoReturn:
        raise NoHealthyHost(f"cluster {self.name!r} has no host that may be picked, of {len(self.hosts)}")

    def admit(self, request: Request, avoid: int = 0) -> Host:
        """Choose a host and count the request in; `settle` counts it out.

        `avoid` is how often to draw again for a host that was not tried before. Raises NoHealthyHost,
        Overloaded (circuit breaker) and Dropped.
        """
        if self.active >= self._max_requests:
            raise Overloaded(f"cluster {self.name!r} has {self.active} requests under way, as many as it may")
        host = self.pick(request)
        if avoid:
            host = self._untried(request, host, avoid)
        self.active += 1
        host.inflight += 1
        host.requests += 1
        return host

    def _untried(self, request: Request, host: Host, avoid: int) -> Host:
        """Envoy's previous_hosts predicate; after `avoid` more draws any host will do."""
        while host in request.tried and request.passed_over < avoid:
            request.passed_over += 1
            host = self.pick(request)
        request.passed_over = 0
        request.tried.append(host)
        return host

    def settle(self, host: Host, status: int, local: bool, seconds: float, now: float) -> None:
        """Count a request out, and say how it went.

        `status` is HTTP's; with `local` the failure was ours to notice (connection 503, timeout 504).
        NO_OUTCOME says nothing about the host.
        """
        self.active -= 1
        host.inflight -= 1
        host.used = now
        if status == NO_OUTCOME:
            return
        host.latency += SMOOTHING * (seconds - host.latency)
        if status >= 500:
            host.failures += 1
        if self.outliers is not None and self.outliers.observe(host, status, local, now):
            self.rebuild_pick()

    def start_retry(self) -> bool:
        """Count a retry in, if the circuit breaker lets it; `end_retry` counts it out."""
        limits = self.cluster.limits
        allowed: float = limits.retries
        if limits.budget is not None:
            allowed = max(limits.budget.percent / 100 * (self.active + self.pending), limits.budget.least)
        if self.retries >= allowed:
            return False
        self.retries += 1
        return True

    def end_retry(self) -> None:
        self.retries -= 1

    def sweep(self, now: float) -> float | None:
        """What time brings: hosts return from ejection, idle destinations are forgotten. Returns when to call again."""
        if self._destinations is not None:
            return self._destinations.sweep(now)
        if self.outliers is None:
            return None
        if self.outliers.sweep(now):
            self.rebuild_pick()
        return self.outliers.due(now)

    def candidates(self) -> list[tuple[Host, str]]:
        """Every host and, in words, whether it takes requests or why it does not."""
        if self._destinations is not None:
            return [(host, "takes the requests to its address") for host in self.hosts.values()]
        loads = spread_loads(self.tiers(), self.spread())
        return [
            (host, standing(host, loads.healthy[p], loads.degraded[p], loads.panic[p]))
            for group, hosts in self._groups
            for p in [group.priority]
            for host in hosts
        ]


def sort_by_condition(hosts: tuple[Host, ...], weight: int) -> Group[Host]:
    conditions = [host.condition for host in hosts]
    if all(condition is FIT for condition in conditions):
        return Group(hosts, hosts, (), weight)
    healthy = tuple(host for host, condition in zip(hosts, conditions, strict=True) if condition is FIT)
    degraded = tuple(host for host, condition in zip(hosts, conditions, strict=True) if condition is DEGRADED)
    return Group(hosts, healthy, degraded, weight)


def dropping(pick: Pick[Host], share: float) -> Pick[Host]:
    """Drop a share of the requests (EDS `drop_overloads`); a retry is not asked again."""

    error = AllDropped if share >= 1 else Dropped

    def drop_or_pick(request: Request) -> Host:
        if not request.record.attempts and random() < share:
            raise error(f"the control plane asks for {share:.0%} of the requests to be dropped")
        return pick(request)

    return drop_or_pick


def standing(host: Host, healthy: int, degraded: int, panic: bool) -> str:
    """Why a host takes requests or does not, given the percentages that its priority takes."""
    load = healthy if panic or host.condition is FIT else degraded
    idle = f"waits: priority {host.priority} takes no requests now"
    if panic:
        return "takes requests: panic, too few hosts are healthy" if load else idle
    if host.ejected:
        return "ejected by outlier detection"
    if host.condition is UNFIT:
        return f"{host.endpoint.health}, says the control plane"
    words = "takes requests" + (", degraded" if host.condition is DEGRADED else "")
    return f"{words}: priority {host.priority} takes {load} % of them" if load else idle
