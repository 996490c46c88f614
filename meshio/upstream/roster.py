"""The hosts of a cluster after an update, worked out before it takes effect."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from meshio.upstream.cluster import ClientTls, Cluster
from meshio.upstream.endpoint import Address, Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.host import Host
from meshio.upstream.sockets import tls_of

Groups: TypeAlias = tuple[tuple[LocalityEndpoints, tuple[Host, ...]], ...]
Socket: TypeAlias = Callable[[Endpoint], ClientTls | None]

PORTION = 512  # endpoints between two turns of the loop: less than a millisecond


@dataclass(slots=True)
class Roster:
    """Who belongs to a cluster once `cluster` and `assignment` hold, seen from who belonged to it `before`.

    former    what the cluster's settings were then; None where that is not known
    groups    the hosts of each locality
    renewed   hosts that stay, with what they are to be told; nothing is said to them before the update
    """

    cluster: Cluster
    assignment: LoadAssignment
    before: dict[Address, Host]
    former: Cluster | None = None
    hosts: dict[Address, Host] = field(default_factory=dict)
    groups: Groups = ()
    renewed: list[tuple[Host, Endpoint, LocalityEndpoints]] = field(default_factory=list)

    def steps(self) -> Generator[None, None, None]:
        """Fill it, yielding about every millisecond."""
        socket = sockets(self.cluster)
        for group in self.assignment.localities:
            hosts: list[Host] = []
            for start in range(0, len(group.endpoints), PORTION):
                self._enlist(group, group.endpoints[start : start + PORTION], socket, hosts.append)
                yield
            self.groups += ((group, tuple(hosts)),)

    def _enlist(
        self, group: LocalityEndpoints, endpoints: tuple[Endpoint, ...], socket: Socket, add: Callable[[Host], None]
    ) -> None:
        """The hosts of some endpoints. A host stays as long as its address and its TLS settings do."""
        hosts, before, same = self.hosts, self.before, self.cluster is self.former
        locality, priority = group.locality, group.priority
        for endpoint in endpoints:
            address = endpoint.address
            if address in hosts:
                continue  # named twice: the first one counts, as in Envoy
            host = before.get(address)
            if host is None or not (same and host.endpoint is endpoint):
                tls = socket(endpoint)
                if host is None or host.tls != tls:
                    host = Host(endpoint, tls)
                    host.describe(endpoint, locality, priority)
            if host.endpoint is not endpoint or host.locality is not locality or host.priority != priority:
                self.renewed.append((host, endpoint, group))
            hosts[address] = host
            add(host)

    def joined(self) -> list[Host]:
        """Who did not belong to the cluster before."""
        get = self.before.get
        return [host for address, host in self.hosts.items() if get(address) is not host]

    def left(self) -> list[Host]:
        """Who belonged to the cluster before, and does not any more."""
        get = self.hosts.get
        return [host for address, host in self.before.items() if get(address) is not host]


def sockets(cluster: Cluster) -> Socket:
    """`tls_of`, worked out once for each kind of endpoint."""
    if not cluster.tls_matches:
        return lambda endpoint: cluster.tls
    known: dict[tuple[str, str], ClientTls | None] = {}

    def socket(endpoint: Endpoint) -> ClientTls | None:
        kind = (endpoint.tls_mode, endpoint.tunnel)
        if kind not in known:
            known[kind] = tls_of(cluster, endpoint)
        return known[kind]

    return socket


def enlist(cluster: Cluster, assignment: LoadAssignment, before: dict[Address, Host]) -> Roster:
    """The roster in one go."""
    roster = Roster(cluster, assignment, before)
    for _ in roster.steps():
        pass
    return roster
