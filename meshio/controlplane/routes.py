"""Route tables: which virtual hosts a port has for a caller (istiod: core/httproute.go)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from meshio.controlplane import protocol
from meshio.controlplane.actions import (
    action_of,
    cluster_name,
    hash_policy,
    overrides,
    route_mutations,
)
from meshio.controlplane.hosts import alternatives, covers, is_wild, most_specific
from meshio.controlplane.matches import ANYTHING, applies, is_catch_all, matchers, operation
from meshio.controlplane.metadata import Document
from meshio.controlplane.retries import retry_of
from meshio.controlplane.scope import Scope
from meshio.controlplane.services import Service, ServicePort
from meshio.controlplane.traffic_policy import hash_of, port_hash
from meshio.controlplane.virtual_service import HttpMatch, HttpRoute, VirtualService
from meshio.routing.route import DirectResponse, Forward, Route, RouteTable, VirtualHost, WeightedCluster

PASSTHROUGH = "PassthroughCluster"
BLACK_HOLE = "BlackHoleCluster"
ROUTED_ANYWAY = 80  # hosts of VirtualServices that are no service get a virtual host on this port only


@dataclass(frozen=True)
class Draft:
    """What will be virtual hosts: routes, the services and the other hosts they are for."""

    routes: tuple[Route, ...]
    services: tuple[Service, ...] = ()
    hosts: tuple[str, ...] = ()


def route_tables(names: Iterable[str], scope: Scope) -> Iterator[RouteTable]:
    """The tables `PORT`, and `HOST:PORT` with the one virtual host of a port with undeclared protocol."""
    by_port: dict[int, list[VirtualHost]] = {}
    for name in names:
        host, colon, number = name.rpartition(":")
        port = int(number)
        if port not in by_port:
            by_port[port] = sorted(virtual_hosts(scope, port), key=lambda each: each.name)
        hosts = by_port[port]
        if colon:
            own = [replace(each, domains=("*",)) for each in hosts if host in each.domains][:1]
            yield RouteTable(name, tuple(own), ignore_port=True)
        else:
            yield RouteTable(name, (*hosts, catch_all(scope)), ignore_port=True)


def catch_all(scope: Scope) -> VirtualHost:
    """What becomes of hosts that nobody knows."""
    if scope.mesh.outbound_traffic_policy.mode == "REGISTRY_ONLY":
        route = Route((ANYTHING,), DirectResponse(502), name="block_all")
    else:
        action = Forward((WeightedCluster(PASSTHROUGH),), timeout=None, max_grpc_timeout=0.0)
        route = Route((ANYTHING,), action, name="allow_any")
    return VirtualHost(route.name, ("*",), (route,), attempt_count=True)


def virtual_hosts(scope: Scope, port: int) -> Iterator[VirtualHost]:
    """A host for each service of the port, and for what VirtualServices add. A name or domain is given out once."""
    drafts = list(draft_hosts(scope, port))
    known = {service.host for draft in drafts for service in draft.services}
    names: set[str] = set()
    taken: set[str] = set()
    for draft in drafts:
        plans = [(host, [host], frozenset[str]()) for host in draft.hosts]
        plans += [service_plan(service, scope) for service in draft.services]
        for host, wanted, expanded in plans:
            name = f"{host}:{port}"
            if name in names:
                continue
            names.add(name)
            domains = [each for each in wanted if each not in taken and not (each in expanded and each in known)]
            taken.update(domains)
            if domains:
                yield VirtualHost(name, tuple(dict.fromkeys(domains)), draft.routes, attempt_count=True)


def service_plan(service: Service, scope: Scope) -> tuple[str, list[str], frozenset[str]]:
    """A service's host, all it answers to, and which of that are mere expansions of its name."""
    expanded = alternatives(service.host, scope.caller.identity.domain)
    domains = [service.host, *expanded]
    if service.headless:
        domains += [f"*.{domain}" for domain in domains]
    addresses = [f"[{address}]" if ":" in address else address for address in service.ips]
    return service.host, [*domains, *addresses], frozenset(expanded)


def draft_hosts(scope: Scope, port: int) -> Iterator[Draft]:
    """First what VirtualServices say, then the services nobody said anything about."""
    here = {service.host: service for service in scope.services if service.port(port) is not None}
    wild = [host for host in here if is_wild(host)]
    winners = strongest(scope, here)
    routed: set[str] = set()
    for document in scope.virtual_services:
        if port != ROUTED_ANYWAY and not concerns(document.spec, here, wild):
            continue
        draft = virtual_service_draft(document, scope, port, (here, winners))
        if draft is not None:
            routed.update(service.host for service in draft.services)
            yield draft
    for service in here.values():
        service_port = service.port(port)
        if service.host not in routed and service_port is not None and speaks_http(service_port):
            yield Draft((default_route(service, service_port, scope),), (service,))


def concerns(spec: VirtualService, here: Collection[str], wild: Collection[str]) -> bool:
    """Whether any host of a VirtualService is, or covers, or is covered by a service of the port."""
    for host in spec.hosts:
        if host in here or any(covers(host, each) for each in (here if is_wild(host) else wild)):
            return True
    return False


def speaks_http(port: ServicePort) -> bool:
    """HTTP by declaration, or possibly."""
    return port.protocol in protocol.HTTP or port.protocol == "auto"


def strongest(scope: Scope, services: Iterable[str]) -> dict[str, Document[VirtualService]]:
    """Which VirtualService a service belongs to where wildcards overlap: that of the most specific host."""
    rules: dict[str, Document[VirtualService]] = {}
    for document in scope.virtual_services:
        for host in document.spec.hosts:
            rules.setdefault(host, document)
    found = {host: most_specific(host, rules) for host in services}
    return {host: document for host, document in found.items() if document is not None}


def virtual_service_draft(
    document: Document[VirtualService],
    scope: Scope,
    port: int,
    known: tuple[dict[str, Service], dict[str, Document[VirtualService]]],
) -> Draft | None:
    """The virtual hosts of a VirtualService on a port; None when it has no routes or no hosts there."""
    here, winners = known
    routes = tuple(virtual_service_routes(document, scope, port))
    if not routes:
        return None
    services: list[Service] = []
    others: list[str] = []
    for host in document.spec.hosts:
        if not is_wild(host):
            if host in here:
                services.append(here[host])
            else:
                others.append(host)
            continue
        found = [service for name, service in here.items() if covers(host, name)]
        services += [service for service in found if winners.get(service.host) is document]
        if not found:
            others.append(host)
    speaking = tuple(each for each in services if (own := each.port(port)) is not None and speaks_http(own))
    if not speaking and port != ROUTED_ANYWAY:
        return None
    return Draft(routes, speaking, tuple(others))


def virtual_service_routes(document: Document[VirtualService], scope: Scope, port: int) -> Iterator[Route]:
    """A route for each match that applies to this caller, up to the first that nothing gets past."""
    for http in document.spec.http:
        wanted: tuple[HttpMatch | None, ...] = http.match or (None,)
        for match in wanted:
            if match is None or applies(match, scope.caller, port):
                route = build_route(document, http, match, scope, port)
                yield route
                if match is None or is_catch_all(route.match):
                    return


def build_route(
    document: Document[VirtualService], http: HttpRoute, match: HttpMatch | None, scope: Scope, port: int
) -> Route:
    request, response = route_mutations(http)
    action = action_of(http, scope, port)
    label = f"{document.name}:{port}"
    if isinstance(action, Forward) and len(action.clusters) == 1 and len(http.route) == 1:
        _, number, _, host = action.clusters[0].name.split("|")
        label = f"{host}:{number}"
    return Route(
        match=matchers(match),
        action=action,
        name=f"{http.name}.{match.name}" if match is not None and match.name else http.name,
        request_headers=request,
        response_headers=response,
        overrides=overrides(http),
        decorator=label + operation(match),
        origin=document.origin,
    )


def default_route(service: Service, port: ServicePort, scope: Scope) -> Route:
    """The route of a service without VirtualService."""
    rule = scope.rules.get(service.host)
    policy = rule.spec.traffic_policy if rule is not None else None
    hashed = hash_policy(port_hash(policy, port.number) or hash_of(policy))
    action = Forward(
        (WeightedCluster(cluster_name(service.host, port.number)),),
        timeout=None,
        retry=retry_of(scope.mesh.default_http_retry_policy, hashed=False),
        hash_policies=(hashed,) if hashed is not None else (),
        max_grpc_timeout=0.0,
    )
    return Route((ANYTHING,), action, name="default", decorator=f"{service.host}:{port.number}/*")
