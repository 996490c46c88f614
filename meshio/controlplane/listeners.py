"""Outbound listeners: where a connection goes, by destination address and port (istiod: core/listener.go)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from meshio.controlplane import protocol
from meshio.controlplane.actions import CORS, FAULT, cluster_name, cluster_of
from meshio.controlplane.hosts import covers
from meshio.controlplane.matches import applies_to_connection
from meshio.controlplane.mesh_config import MeshConfig
from meshio.controlplane.metadata import Document
from meshio.controlplane.problem import Problem, warning
from meshio.controlplane.routes import BLACK_HOLE, PASSTHROUGH
from meshio.controlplane.scalars import is_ip
from meshio.controlplane.scope import Scope
from meshio.controlplane.services import UNSPECIFIED, Service, ServicePort
from meshio.controlplane.virtual_service import Destination, RouteDestination, VirtualService
from meshio.resilience.fault import Fault
from meshio.routing.cors import Cors
from meshio.routing.filters import Filter
from meshio.routing.hop import Hop
from meshio.routing.listener import ChainMatch, FilterChain, HttpChain, Listener, PathNormalisation, TcpChain
from meshio.routing.route import WeightedCluster

VIRTUAL_PORT = 15001
PLAIN_HTTP = ChainMatch(transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c"))
EVERYTHING = ChainMatch()
UPGRADES = frozenset({"websocket"})
FILTERS = (
    Filter("istio.metadata_exchange"),
    Filter("envoy.filters.http.grpc_stats"),
    Filter("istio.alpn"),
    Filter(FAULT, Fault()),
    Filter(CORS, Cors()),
    Filter("envoy.filters.http.router"),
)
GRPC_WEB_FILTERS = (FILTERS[0], Filter("envoy.filters.http.grpc_web"), *FILTERS[1:])
PATHS = {
    "DEFAULT": PathNormalisation(normalize=True),
    "NONE": PathNormalisation(),
    "BASE": PathNormalisation(normalize=True),
    "MERGE_SLASHES": PathNormalisation(normalize=True, merge_slashes=True),
    "DECODE_AND_MERGE_SLASHES": PathNormalisation(normalize=True, merge_slashes=True, escaped_slashes="forward"),
}
TRACED = Hop(names_routes=True)  # istiod configures tracing everywhere


@dataclass
class Draft:
    """A listener that may still grow: several services can share an address and port.

    speaks   "tcp", or "auto": HTTP where it looks like it, as every listener does that has an HTTP chain
    """

    address: str
    port: int
    speaks: Literal["tcp", "auto"]
    protocol: str
    chains: list[FilterChain] = field(default_factory=list)


def build_listeners(scope: Scope) -> tuple[dict[str, Listener], list[Problem]]:
    """All listeners of a caller, by name; and which services had to stand back."""
    drafts: dict[tuple[str, int], Draft] = {}
    problems: list[Problem] = []
    for service in scope.services:
        for port in service.ports:
            for offer in offers(service, port, scope):
                if not put(drafts, offer):
                    text = f"{service.host}: connections to {name_of(offer)} go to another service already"
                    problems.append(warning(service.place, text, "give it an address, or another port"))
    listeners = {name: finish(name, draft, scope.mesh) for draft in drafts.values() for name in [name_of(draft)]}
    return {**listeners, "virtualOutbound": virtual_outbound(scope.mesh)}, problems


def name_of(draft: Draft) -> str:
    address = f"[{draft.address}]" if ":" in draft.address else draft.address
    return f"{address}_{draft.port}"


def offers(service: Service, port: ServicePort, scope: Scope) -> Iterator[Draft]:
    """The listeners that one port of a service asks for."""
    if port.protocol == "UDP":
        return
    if port.protocol in protocol.HTTP:
        chain = FilterChain(http_chain(UNSPECIFIED, port, str(port.number), scope), PLAIN_HTTP)
        yield Draft(UNSPECIFIED, port.number, "auto", port.protocol, [chain])
        return
    for address, prefixes in bindings(service, port, scope):
        chains = list(tcp_chains(service, port, prefixes, (address, scope)))
        if port.protocol == "auto":
            table = str(port.number) if address == UNSPECIFIED else f"{service.host}:{port.number}"
            chains.append(FilterChain(http_chain(address, port, table, scope), PLAIN_HTTP))
        yield Draft(address, port.number, "auto" if port.protocol == "auto" else "tcp", port.protocol, chains)


def bindings(service: Service, port: ServicePort, scope: Scope) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Addresses to listen on, each with the ranges that a chain must match: VIPs, pods of headless services, all."""
    if service.resolution == "NONE" and not service.addresses and (service.kubernetes or service.selects):
        seen = dict.fromkeys(each.address for each in service.instances.get(port.number, ()))
        yield from ((address, ()) for address in seen if is_ip(address) and address != scope.caller.identity.address)
        return
    yield from ((address, ()) for address in service.ips)
    ranges = tuple(address for address in service.addresses if "/" in address)
    if ranges or not service.addresses:
        yield UNSPECIFIED, ranges


def http_chain(address: str, port: ServicePort, table: str, scope: Scope) -> HttpChain:
    return HttpChain(
        routes=table,
        paths=PATHS[scope.mesh.path_normalization.normalization],
        filters=GRPC_WEB_FILTERS if port.protocol == "GRPC-Web" else FILTERS,
        upgrades=UPGRADES,
        stat_prefix=f"outbound_{address}_{port.number};",
        hop=TRACED,
    )


# --- TCP and TLS ---------------------------------------------------------------------------------------


def tcp_chains(
    service: Service, port: ServicePort, prefixes: tuple[str, ...], where: tuple[str, Scope]
) -> Iterator[FilterChain]:
    """The chains of a TCP or TLS port: what VirtualServices say, else the service's own cluster."""
    address, scope = where
    documents = [
        document
        for document in scope.virtual_services
        if (document.spec.tcp or document.spec.tls) and any(covers(host, service.host) for host in document.spec.hosts)
    ]
    if port.protocol in protocol.SECURE:
        found = list(routed_by_name(documents, port, prefixes, scope))
        names = (service.host,) if prefixes or address == UNSPECIFIED else ()
        yield from found or [own_chain(service, port, ChainMatch(prefixes=prefixes, server_names=names))]
        return
    for chain in routed(documents, port, prefixes, scope):
        yield chain
        if chain.match.prefixes == prefixes:
            return
    yield own_chain(service, port, ChainMatch(prefixes=prefixes))


def own_chain(service: Service, port: ServicePort, match: ChainMatch) -> FilterChain:
    return tcp(cluster_name(service.host, port.number), match)


def tcp(cluster: str, match: ChainMatch = EVERYTHING, name: str = "") -> FilterChain:
    return FilterChain(TcpChain((WeightedCluster(cluster),), cluster), match, name)


def routed_by_name(
    documents: list[Document[VirtualService]], port: ServicePort, prefixes: tuple[str, ...], scope: Scope
) -> Iterator[FilterChain]:
    """TLS routes by server name. Of matches that ask the same of a connection, the first counts."""
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for document in documents:
        for route in document.spec.tls:
            for match in route.match:
                asked = (match.sni_hosts, match.destination_subnets)
                if route.route and asked not in seen and applies_to_connection(match, scope.caller, port.number):
                    seen.add(asked)
                    wanted = ChainMatch(prefixes=match.destination_subnets or prefixes, server_names=match.sni_hosts)
                    yield FilterChain(weighted(document, route.route, port, scope), wanted)


def routed(
    documents: list[Document[VirtualService]], port: ServicePort, prefixes: tuple[str, ...], scope: Scope
) -> Iterator[FilterChain]:
    """TCP routes. One without destination subnets takes all connections, and ends the search."""
    for document in documents:
        for route in document.spec.tcp:
            if not route.route:
                continue
            held = [match for match in route.match if applies_to_connection(match, scope.caller, port.number)]
            if not route.match or any(not match.destination_subnets for match in held):
                yield FilterChain(weighted(document, route.route, port, scope), ChainMatch(prefixes=prefixes))
                return
            subnets = tuple(subnet for match in held for subnet in match.destination_subnets)
            if subnets:
                yield FilterChain(weighted(document, route.route, port, scope), ChainMatch(prefixes=subnets))


def weighted(
    document: Document[VirtualService], routes: tuple[RouteDestination, ...], port: ServicePort, scope: Scope
) -> TcpChain:
    if len(routes) == 1:
        cluster = connection_cluster(routes[0].destination, port, scope)
        return TcpChain((WeightedCluster(cluster),), cluster)
    clusters = tuple(
        WeightedCluster(connection_cluster(each.destination, port, scope), each.weight)
        for each in routes
        if each.weight
    )
    return TcpChain(clusters, f"{document.name}.{document.namespace}")


def connection_cluster(destination: Destination, port: ServicePort, scope: Scope) -> str:
    """A service with a single port is meant at that port; otherwise the listener's port counts."""
    service = scope.service(destination.host)
    alone = service.ports[0].number if service is not None and len(service.ports) == 1 else port.number
    return cluster_of(destination, alone)


# --- putting together ----------------------------------------------------------------------------------


def put(drafts: dict[tuple[str, int], Draft], offer: Draft) -> bool:
    """Add a listener, or what it has to one that is there. False when something found no place.

    MySQL and MongoDB share with nobody; HTTP services share one chain; of two chains for the same connections the
    first one counts.
    """
    key = (offer.address, offer.port)
    current = drafts.get(key)
    if current is None:
        drafts[key] = offer
        return True
    exclusive = {"Mongo", "MySQL"} & {offer.protocol, current.protocol}
    if exclusive and offer.protocol != current.protocol:
        return False
    if offer.speaks == current.speaks == "auto":
        return offer.address == UNSPECIFIED
    if offer.speaks == "auto":
        current.speaks = "auto"
    fresh = [chain for chain in offer.chains if all(chain.match != known.match for known in current.chains)]
    current.chains += fresh
    return len(fresh) == len(offer.chains)


def finish(name: str, draft: Draft, mesh: MeshConfig) -> Listener:
    """A chain that takes everything becomes the default; without one, unknown traffic goes through."""
    chains = [chain for chain in draft.chains if chain.match != EVERYTHING]
    default = next((chain for chain in draft.chains if chain.match == EVERYTHING), None)
    if default is not None and not chains:
        chains, default = [default], None
    elif default is None:
        default = tcp(outside(mesh), name="PassthroughFilterChain")
    return Listener(name, draft.address, draft.port, tuple(chains), default)


def outside(mesh: MeshConfig) -> str:
    """Where traffic to unknown destinations goes."""
    return BLACK_HOLE if mesh.outbound_traffic_policy.mode == "REGISTRY_ONLY" else PASSTHROUGH


def virtual_outbound(mesh: MeshConfig) -> Listener:
    chains = (
        tcp(BLACK_HOLE, ChainMatch(port=VIRTUAL_PORT), "virtualOutbound-blackhole"),
        tcp(outside(mesh), name="virtualOutbound-catchall-tcp"),
    )
    return Listener("virtualOutbound", UNSPECIFIED, VIRTUAL_PORT, chains, original_destination=True)
