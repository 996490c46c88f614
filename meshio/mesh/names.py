"""Host names as they work in an injected pod: which addresses a name stands for, and on which ports it serves.

Istio's name table (NDS) answers first. Where the control plane sends none, the virtual hosts tell: their
domains hold the service's full name first and its virtual IPs last, and a listener of a port with
undeclared protocol is bound to the virtual IP of the service its route table is named after.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from meshio.mesh.snapshot import Identity, Name, Snapshot
from meshio.routing.listener import HttpChain, Listener
from meshio.routing.route import RouteTable

Names: TypeAlias = Mapping[str, tuple[str, ...]]

# What istiod gives to services without an address (pilot/pkg/serviceregistry/serviceentry, autoAllocateIPs).
ALLOCATED = (ip_network("240.240.0.0/16"), ip_network("2001:2::/48"))


def is_address(host: str) -> bool:
    """True for an IPv4 or IPv6 literal (brackets allowed)."""
    if not host[-1:].isdigit() and ":" not in host:
        return False  # most names end here, without the price of an exception
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Told:
    """What one route table tells about names: the addresses of its services, and every domain it serves."""

    addresses: tuple[tuple[str, tuple[str, ...]], ...]
    domains: frozenset[str]
    port: int | None


class Tables:
    """What route tables tell, remembered as long as the table is the same object: most updates change few."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[RouteTable, Told]] = {}

    def told(self, table: RouteTable) -> Told:
        known = self._known.get(table.name)
        if known is None or known[0] is not table:
            known = self._known[table.name] = (table, read_table(table))
        return known[1]

    def forget_others(self, names: Mapping[str, RouteTable]) -> None:
        """Keep only tables that are still there."""
        self._known = {name: known for name, known in self._known.items() if name in names}


def read_table(table: RouteTable) -> Told:
    service, _, port = table.name.rpartition(":")
    hosts = [
        (host.domains, tuple(each.strip("[]") for each in host.domains if is_address(each))) for host in table.hosts
    ]
    domains = (service,) if service else (domain for names, _ in hosts for domain in names)
    return Told(
        tuple((names[0].lower(), addresses) for names, addresses in hosts if addresses),
        frozenset(domain.lower() for domain in domains),
        int(port) if port.isdigit() else None,
    )


def service_ports(snapshot: Snapshot, tables: Tables) -> Mapping[str, tuple[int, ...]]:
    """For every domain that a virtual host names: on which ports."""
    ports: dict[str, tuple[int, ...]] = {}
    for table in snapshot.routes.values():
        told = tables.told(table)
        if told.port is not None:
            for domain in told.domains:
                ports[domain] = (*ports.get(domain, ()), told.port)
    return ports


def name_addresses(snapshot: Snapshot, tables: Tables) -> Names:
    """Every full host name the control plane told us, with its virtual IPs or pod addresses."""
    names: dict[str, tuple[str, ...]] = {}
    told = [entry for table in snapshot.routes.values() for entry in tables.told(table).addresses]
    for host, addresses in (*told, *listener_addresses(snapshot.listeners)):
        known = names.get(host, ())
        names[host] = known + tuple(address for address in addresses if address not in known)
    for host, entry in snapshot.names.items():
        for alias in (host, *entry.alternatives):
            names[alias.lower()] = entry.addresses
    return names


def listener_addresses(listeners: Mapping[str, Listener]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for listener in listeners.values():
        for chain in listener.chains:
            if isinstance(chain.target, HttpChain) and isinstance(chain.target.routes, str):
                host, colon, port = chain.target.routes.rpartition(":")
                if colon and port == str(listener.port) and is_address(listener.address):
                    yield host.lower(), tuple(address for address, _ in listener.addresses)


def candidates(host: str, identity: Identity) -> Iterator[str]:
    """The full names a host name may stand for, in the order a pod's resolver tries them (ndots:5)."""
    name = host.lower()
    if name.endswith("."):
        yield name[:-1]
        return
    search = search_domains(identity)
    if name.count(".") >= 5:
        yield name
    yield from (f"{name}.{domain}" for domain in search)
    yield name


def search_domains(identity: Identity) -> tuple[str, ...]:
    """resolv.conf of a pod: ns.svc.cluster.local, svc.cluster.local, cluster.local."""
    own = identity.domain
    _, _, services = own.partition(".")
    _, _, cluster = services.partition(".")
    return tuple(domain for domain in (own, services, cluster) if domain)


def resolve_name(host: str, names: Names, identity: Identity) -> tuple[str, ...]:
    """The addresses of a host name or literal; () when the mesh does not know it (the network's DNS may)."""
    if is_address(host):
        return (host.strip("[]"),)
    return next((names[name] for name in candidates(host, identity) if name in names), ())


def told_addresses(host: str, told: Mapping[str, Name], identity: Identity) -> tuple[str, ...]:
    """What Istio's DNS proxy would answer from its name table; () leaves it to the network's DNS.

    The addresses that istiod allocates by itself are such that nobody can be reached there.
    """
    found = next((told[name].addresses for name in candidates(host, identity) if name in told), ())
    return tuple(address for address in found if not any(ip_address(address) in network for network in ALLOCATED))
