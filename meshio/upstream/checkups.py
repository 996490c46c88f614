"""Active health checks of a cluster's hosts: who is to be checked, and who stays because of it."""

from typing import TYPE_CHECKING

from meshio.resilience.checkup import Checkup
from meshio.upstream.cluster import Cluster
from meshio.upstream.endpoint import Address, LocalityEndpoints
from meshio.upstream.host import Host
from meshio.upstream.roster import Groups, Roster

if TYPE_CHECKING:
    from meshio.upstream.upstream import Upstream


def examine(cluster: Cluster, roster: Roster) -> None:
    """Take over who belongs to the cluster now: new hosts are ill until they have passed.

    Envoy: `BaseDynamicClusterImpl::updateDynamicHostList`.
    """
    check = cluster.health_check
    for host in roster.hosts.values():
        if check is None or host.endpoint.check.disabled:
            host.checkup = None
        elif host.checkup is None:
            host.checkup = Checkup(check.exclude_new)
        else:
            host.checkup.leaving = False
    if check is not None and not check.leave_at_once:
        for host in roster.left():
            if stays(host):
                linger(host, roster)


def stays(host: Host) -> bool:
    """A host that the control plane has forgotten stays while it passes, unless it was draining."""
    return host.checkup is not None and not host.checkup.failed and host.endpoint.health != "draining"


def linger(host: Host, roster: Roster) -> None:
    assert host.checkup is not None
    host.checkup.leaving = True
    roster.hosts[host.endpoint.address] = host
    roster.groups += ((LocalityEndpoints((host.endpoint,), host.locality, host.priority), (host,)),)


def without(groups: Groups, host: Host) -> Groups:
    """The groups, when this host is gone."""
    return tuple((group, tuple(each for each in hosts if each is not host)) for group, hosts in groups)


def forgotten(hosts: dict[Address, Host], host: Host) -> bool:
    """Whether a host that failed belongs to the cluster only because it passed before."""
    checkup = host.checkup
    known = hosts.get(host.endpoint.address) is host
    return known and checkup is not None and checkup.leaving and checkup.failed


def passes(host: Host) -> bool:
    """Whether its last check went well."""
    return host.checkup is not None and not host.checkup.failed


def give_up(upstream: "Upstream", name: str) -> Host | None:
    """The host of this name has said that it is ill, in an answer to a request. None: it is not checked."""
    check = upstream.cluster.health_check
    host = next((each for each in upstream.hosts.values() if each.name == name), None)
    if check is None or host is None or host.checkup is None:
        return None
    host.checkup.excluded = True
    host.checkup.missed(check.unhealthy_threshold, "answer")
    return host
