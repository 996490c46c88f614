"""New hosts of a cluster on their way to their full weight."""

from collections.abc import Iterable, Mapping

from meshio.balancing.slow_start import SlowStart
from meshio.upstream.endpoint import Address
from meshio.upstream.host import FIT, Host

STEPS = 100  # in which a weight grows
SHORTEST = 0.1  # seconds between two of them


class Warmup:
    """Who is new, and since when. Single writer; `now` is any monotonic clock in seconds.

    A host is new from the first `sweep` after it joined. What happens to it later, ejection or illness, does not
    make it new again, and one that is ill when it joins never is (Envoy 1.40).
    """

    __slots__ = ("_since", "settings")

    def __init__(self, settings: SlowStart) -> None:
        self.settings = settings
        self._since: dict[Host, float | None] = {}

    def watch(self, hosts: Mapping[Address, Host], new: Iterable[Host]) -> None:
        """Take over the cluster's hosts after an update."""
        kept = {host: since for host, since in self._since.items() if hosts.get(host.endpoint.address) is host}
        self._since = kept | {host: None for host in new if host.condition is FIT}
        for host, since in self._since.items():
            if since is None or not isinstance(host.weight, float):  # an update says the full weight
                host.weight = host.full_weight * self.settings.share(0.0)

    def sweep(self, now: float) -> bool:
        """Give each new host the weight of its age. True when one is fully grown: the pick is to be built anew."""
        grown = []
        for host, since in self._since.items():
            began = self._since[host] = now if since is None else since
            host.weight = host.full_weight * self.settings.share(now - began)
            if now - began >= self.settings.window:
                grown.append(host)
        for host in grown:
            host.weight = host.full_weight
            del self._since[host]
        return bool(grown)

    def due(self, now: float) -> float | None:
        """When `sweep` has something to do next."""
        return now + max(SHORTEST, self.settings.window / STEPS) if self._since else None

    def end(self) -> None:
        """Nobody is new any more."""
        for host in self._since:
            host.weight = host.full_weight
        self._since.clear()
