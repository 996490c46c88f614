"""Hosts that requests bring along: wherever the request was going to. Envoy: original_dst_cluster.cc."""

from meshio.message import Request
from meshio.upstream.cluster import Cluster
from meshio.upstream.endpoint import Address, Endpoint
from meshio.upstream.host import Host
from meshio.upstream.sockets import tls_of

DAY = 86400.0
ROUND = 60.0  # seconds between two looks for hosts that nobody uses any more


class Destinations:
    """Makes a host for each address that is asked for, and forgets it when it was idle for so long that its
    connections are closed anyway."""

    __slots__ = ("_cluster", "_due", "hosts")

    def __init__(self, hosts: dict[Address, Host], cluster: Cluster) -> None:
        self.hosts = hosts
        self._cluster = cluster
        self._due: float | None = None

    def pick(self, request: Request) -> Host:
        """The host at the request's own address."""
        return self.hosts.get((request.host, request.port)) or self._create((request.host, request.port))

    def _create(self, address: Address) -> Host:
        endpoint = Endpoint(address)
        host = self.hosts[address] = Host(endpoint, tls_of(self._cluster, endpoint))
        return host

    def sweep(self, now: float) -> float:
        """Forget the hosts that are idle for good; returns when to look again."""
        if self._due is None or now >= self._due:
            self._due = now + ROUND
            for address in [address for address, host in self.hosts.items() if self._forgotten(host, now)]:
                del self.hosts[address]
        return self._due

    def _forgotten(self, host: Host, now: float) -> bool:
        if host.used is None:
            host.used = now
        return host.inflight == 0 and now - host.used > (self._cluster.http.idle_timeout or DAY)
