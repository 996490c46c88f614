"""The weights of a cluster's hosts, by their load reports. Envoy: orca_weight_manager.cc."""

from collections.abc import Collection
from statistics import median

from meshio.balancing.client_weights import ClientWeights, client_weights_of
from meshio.balancing.load_report import LoadReport, report_in
from meshio.balancing.policy import Policy
from meshio.message import Headers
from meshio.upstream.host import Host

SHORTEST = 0.1  # seconds between two looks


class Rating:
    """What a host's reports came to: its weight, since when there are any, and when the last one came."""

    __slots__ = ("since", "updated", "weight")

    def __init__(self) -> None:
        self.weight = 1
        self.since: float | None = None
        self.updated = 0.0


class Reports:
    """Single writer; `now` is any monotonic clock in seconds.

    A host without a report that counts has the median weight of those with one; 1 when there is none at all.
    """

    __slots__ = ("_due", "_hosts", "_ratings", "_usual", "settings")

    def __init__(self, settings: ClientWeights) -> None:
        self.settings = settings
        self._hosts: Collection[Host] = ()
        self._ratings: dict[Host, Rating] = {}
        self._usual = 1
        self._due: float | None = None

    def watch(self, hosts: Collection[Host]) -> None:
        """Take over the cluster's hosts after an update. New ones are rated at the next `sweep`."""
        self._hosts, self._due = hosts, None
        if self._ratings:
            there = set(hosts)
            self._ratings = {host: rating for host, rating in self._ratings.items() if host in there}
        for host in hosts:
            host.rate(host.rated or self._usual)

    def take(self, host: Host, headers: Headers, now: float) -> bool:
        """What came with a response of the host; True when there was a report in it that says enough."""
        report = report_in(headers)
        return report is not None and self.hear(host, report, now)

    def hear(self, host: Host, report: LoadReport, now: float) -> bool:
        """What a host says of itself; True when that says enough."""
        weight = self.settings.weight(report)
        if weight is None:
            return False
        rating = self._ratings.get(host)
        if rating is None:
            rating = self._ratings[host] = Rating()
        rating.weight, rating.updated = weight, now
        if rating.since is None:
            rating.since = now
        return True

    def sweep(self, now: float) -> bool:
        """Weigh the hosts anew. True when that changed any: the pick is to be built anew."""
        if self._due is not None and now < self._due:
            return False
        self._due = now + max(SHORTEST, self.settings.period)
        weights = {host: weight for host in self._hosts if (weight := self._weight(host, now)) is not None}
        self._usual = int(median(weights.values())) if weights else 1
        changed = [host.rate(max(1, weights.get(host, self._usual))) for host in self._hosts]
        return any(changed)

    def _weight(self, host: Host, now: float) -> int | None:
        """None for a host whose reports are too new or too old to count."""
        rating, settings = self._ratings.get(host), self.settings
        if rating is None or rating.since is None or now - settings.blackout < rating.since:
            return None
        if rating.updated < now - settings.expiration:
            rating.since = None
            return None
        return rating.weight

    def due(self, now: float) -> float:
        """When `sweep` has something to do next."""
        return self._due if self._due is not None else now

    def end(self) -> None:
        """The control plane's weights hold again."""
        for host in self._hosts:
            host.rate(0)


def reports_for(former: Reports | None, policy: Policy, hosts: Collection[Host]) -> Reports | None:
    """The reports that a policy wants; those that it had before, if it wants them in the same way."""
    settings = client_weights_of(policy)
    if former is not None and former.settings != settings:
        former.end()
        former = None
    if settings is None:
        return None
    reports = former or Reports(settings)
    reports.watch(hosts)
    return reports
