"""New hosts of a cluster on their way to their full weight."""

from collections.abc import Iterable, Mapping
from itertools import chain

from meshio.balancing.slow_start import SlowStart
from meshio.upstream.endpoint import Address
from meshio.upstream.host import FIT, Host, all_fit

STEPS = 100  # in which a weight grows
SHORTEST = 0.1  # seconds between two of them


class Warmup:
    """Who is new, and since when. Single writer; `now` is any monotonic clock in seconds.

    A host is new from the first `sweep` after it joined. What happens to it later, ejection or illness, does not
    make it new again, and one that is ill when it joins never is (Envoy 1.40).
    """

    __slots__ = ("_arrived", "_since", "settings")

    def __init__(self, settings: SlowStart) -> None:
        self.settings = settings
        self._arrived: list[Host] = []
        self._since: dict[float, list[Host]] = {}

    def watch(self, hosts: Mapping[Address, Host], new: Iterable[Host]) -> None:
        """Take over the cluster's hosts after an update."""

        def staying(some: list[Host]) -> list[Host]:
            return [host for host in some if hosts.get(host.endpoint.address) is host]

        self._arrived = staying(self._arrived)
        self._since = {since: kept for since, some in self._since.items() if (kept := staying(some))}
        least = self.settings.share(0.0)
        for host in chain(self._arrived, *self._since.values()):
            if isinstance(host.weight, int):  # an update says the full weight
                host.weight *= least
        fresh = list(new)
        if not all_fit(fresh):
            fresh = [host for host in fresh if host.condition is FIT]
        for host in fresh:
            host.weight *= least
        self._arrived += fresh

    def _weigh(self, hosts: Iterable[Host], age: float) -> None:
        share = self.settings.share(age)
        for host in hosts:
            host.weight = host.full_weight * share

    def sweep(self, now: float) -> bool:
        """Give each new host the weight of its age. True when one is fully grown: the pick is to be built anew."""
        if self._arrived:
            self._since.setdefault(now, []).extend(self._arrived)
            self._arrived = []
        grown = False
        for since, hosts in tuple(self._since.items()):
            if now - since < self.settings.window:
                self._weigh(hosts, now - since)
                continue
            grown = True
            for host in hosts:
                host.weight = host.full_weight
            del self._since[since]
        return grown

    def due(self, now: float) -> float | None:
        """When `sweep` has something to do next."""
        growing = self._since or self._arrived
        return now + max(SHORTEST, self.settings.window / STEPS) if growing else None

    def end(self) -> None:
        """Nobody is new any more."""
        for host in (*self._arrived, *chain.from_iterable(self._since.values())):
            host.weight = host.full_weight
        self._since.clear()
        self._arrived.clear()
