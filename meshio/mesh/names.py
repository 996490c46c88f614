"""Host names as they work in an injected pod: which addresses a name stands for.

Istio's name table (NDS) answers first. Where the control plane sends none, the virtual hosts tell: their
domains hold the service's full name first and its virtual IPs last, and a listener of a port with
undeclared protocol is bound to the virtual IP of the service its route table is named after.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from meshio.mesh.snapshot import Identity, Snapshot
from meshio.routing.listener import HttpChain, Listener

Names = Mapping[str, tuple[str, ...]]


def is_address(host: str) -> bool:
    """True for an IPv4 or IPv6 literal (brackets allowed)."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def name_addresses(snapshot: Snapshot) -> Names:
    """Every full host name the control plane told us, with its virtual IPs or pod addresses."""
    names: dict[str, tuple[str, ...]] = {}
    for host, addresses in (*domain_addresses(snapshot), *listener_addresses(snapshot.listeners)):
        known = names.get(host, ())
        names[host] = known + tuple(address for address in addresses if address not in known)
    for host, entry in snapshot.names.items():
        for alias in (host, *entry.alternatives):
            names[alias.lower()] = entry.addresses
    return names


def domain_addresses(snapshot: Snapshot) -> Iterator[tuple[str, tuple[str, ...]]]:
    for table in snapshot.routes.values():
        for host in table.hosts:
            addresses = tuple(domain for domain in host.domains if is_address(domain))
            if addresses:
                yield host.domains[0].lower(), addresses


def listener_addresses(listeners: Mapping[str, Listener]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for listener in listeners.values():
        for chain in listener.chains:
            if isinstance(chain.target, HttpChain) and isinstance(chain.target.routes, str):
                host, colon, port = chain.target.routes.rpartition(":")
                if colon and port == str(listener.port) and is_address(listener.address):
                    yield host.lower(), (listener.address,)


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
