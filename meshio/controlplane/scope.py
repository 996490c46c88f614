"""What one workload sees of the mesh: the services, VirtualServices and DestinationRules that apply to it.

istiod's SidecarScope for a workload without a Sidecar object.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from meshio.controlplane.destination_rule import DestinationRule, Subset
from meshio.controlplane.documents import Documents
from meshio.controlplane.hosts import full_name, most_specific, visible
from meshio.controlplane.mesh_config import MeshConfig
from meshio.controlplane.metadata import Document
from meshio.controlplane.services import Service
from meshio.controlplane.virtual_service import (
    Destination,
    HttpMirror,
    HttpRoute,
    RouteDestination,
    VirtualService,
)
from meshio.controlplane.workloads import augmented, parse_locality, pod_workloads, selected
from meshio.mesh.snapshot import Identity
from meshio.upstream.endpoint import NOWHERE, Locality

Rule = Document[DestinationRule]


@dataclass(frozen=True)
class Caller:
    """A workload that asks: who it is, its labels, where it runs."""

    identity: Identity = field(default_factory=Identity)
    labels: Mapping[str, str] = field(default_factory=dict)
    locality: Locality = NOWHERE

    @property
    def namespace(self) -> str:
        return self.identity.namespace

    @property
    def suffix(self) -> str:
        """The cluster's DNS suffix, from the workload's own domain."""
        return self.identity.domain.partition(".svc.")[2] or "cluster.local"

    @property
    def topology(self) -> Mapping[str, str]:
        """Its labels and where it runs, as failover priorities compare them."""
        return augmented(self.labels, f"{self.locality.region}/{self.locality.zone}/{self.locality.subzone}")


def placed(caller: Caller, documents: Documents) -> Caller:
    """The caller with the labels and locality of its own Pod, which the registry knows better than the caller does."""
    pod = pod_workloads(documents).get((caller.namespace, caller.identity.pod))
    if pod is None:
        return caller
    locality = parse_locality(pod.locality) if pod.locality else caller.locality
    return replace(caller, labels={**caller.labels, **pod.labels}, locality=locality)


@dataclass(frozen=True)
class Scope:
    """
    services          visible ones, one per host, in istiod's order
    rules             the DestinationRule of a host, already merged
    virtual_services  visible ones for workloads, host names completed; those of the caller's namespace first
    """

    caller: Caller
    mesh: MeshConfig
    services: tuple[Service, ...]
    rules: Mapping[str, Rule]
    virtual_services: tuple[Document[VirtualService], ...]

    def service(self, host: str) -> Service | None:
        return self.by_host.get(host)

    @property
    def by_host(self) -> Mapping[str, Service]:
        return {service.host: service for service in self.services}


def see(documents: Documents, registry: Iterable[Service], caller: Caller) -> Scope:
    """The scope of a caller."""
    services = visible_services(registry, documents.mesh, caller)
    books = RuleBooks(documents, caller)
    rules = {service.host: rule for service in services if (rule := books.rule(service)) is not None}
    return Scope(caller, documents.mesh, services, rules, visible_virtual_services(documents, caller))


def visible_services(registry: Iterable[Service], mesh: MeshConfig, caller: Caller) -> tuple[Service, ...]:
    """One service per host: Kubernetes before others, the caller's namespace before others, then the first."""
    found: dict[str, Service] = {}
    for service in registry:
        if not visible(service.export_to, mesh.default_service_export_to, service.namespace, caller.namespace):
            continue
        rival = found.get(service.host)
        if rival is None or precedence(service, caller) > precedence(rival, caller):
            found[service.host] = service
    return tuple(found.values())


def precedence(service: Service, caller: Caller) -> tuple[bool, bool]:
    return service.kubernetes, service.namespace == caller.namespace


# --- VirtualServices -----------------------------------------------------------------------------------


def visible_virtual_services(documents: Documents, caller: Caller) -> tuple[Document[VirtualService], ...]:
    default = documents.mesh.default_virtual_service_export_to
    found = [
        completed(document, caller.suffix)
        for document in documents.virtual_services
        if document.spec.in_mesh and visible(document.spec.export_to, default, document.namespace, caller.namespace)
    ]
    return tuple(sorted(found, key=lambda document: audience(document, default)))


def audience(document: Document[VirtualService], default: tuple[str, ...]) -> int:
    """istiod asks private ones first, then those exported to namespaces, then public ones."""
    targets = document.spec.export_to or default or ("*",)
    return 2 if "*" in targets else 0 if set(targets) == {"."} else 1


def completed(document: Document[VirtualService], suffix: str) -> Document[VirtualService]:
    """The same with full host names everywhere."""
    spec = document.spec

    def full(destination: Destination) -> Destination:
        return replace(destination, host=full_name(destination.host, document.namespace, suffix))

    def plain(routes: Iterable[RouteDestination]) -> tuple[RouteDestination, ...]:
        return tuple(replace(each, destination=full(each.destination)) for each in routes)

    def http(route: HttpRoute) -> HttpRoute:
        return replace(
            route,
            route=tuple(replace(each, destination=full(each.destination)) for each in route.route),
            mirror=full(route.mirror) if route.mirror is not None else None,
            mirrors=tuple(HttpMirror(destination=full(m.destination), percentage=m.percentage) for m in route.mirrors),
        )

    return replace(
        document,
        spec=replace(
            spec,
            hosts=tuple(full_name(host, document.namespace, suffix).lower() for host in spec.hosts),
            http=tuple(http(route) for route in spec.http),
            tcp=tuple(replace(route, route=plain(route.route)) for route in spec.tcp),
            tls=tuple(replace(route, route=plain(route.route)) for route in spec.tls),
        ),
    )


# --- DestinationRules ----------------------------------------------------------------------------------


class RuleBooks:
    """DestinationRules by the namespace they are in, as one caller may use them.

    istiod: PushContext.destinationRule. The caller's namespace comes first, then the service's, then the root
    namespace; within one, the most specific host; rules for the same host are merged; one with a workload
    selector that matches the caller wins.
    """

    def __init__(self, documents: Documents, caller: Caller) -> None:
        self._caller = caller
        self._root = documents.mesh.root_namespace
        self._books: dict[str, dict[str, Rule]] = {}
        for rule in sorted(documents.destination_rules, key=lambda rule: rule.spec.workload_selector is None):
            if self._applies(rule, documents.mesh):
                host = full_name(rule.spec.host, rule.namespace, caller.suffix).lower()
                book = self._books.setdefault(rule.namespace, {})
                book[host] = merge_rules(book[host], rule) if host in book else rule

    def _applies(self, rule: Rule, mesh: MeshConfig) -> bool:
        selector = rule.spec.workload_selector
        if selector is not None:
            return rule.namespace == self._caller.namespace and selected(self._caller.labels, selector.match_labels)
        default = mesh.default_destination_rule_export_to
        return visible(rule.spec.export_to, default, rule.namespace, self._caller.namespace)

    def rule(self, service: Service) -> Rule | None:
        """The rule that applies to a service."""
        for namespace in dict.fromkeys((self._caller.namespace, service.namespace, self._root)):
            found = most_specific(service.host, self._books.get(namespace, {}))
            if found is not None:
                return found
        return None


def merge_rules(first: Rule, other: Rule) -> Rule:
    """Subsets add up, the first of a name counts; the first traffic policy counts. A selected rule stands alone."""
    if (first.spec.workload_selector is None) != (other.spec.workload_selector is None):
        return first
    known = {subset.name for subset in first.spec.subsets}
    more: tuple[Subset, ...] = tuple(subset for subset in other.spec.subsets if subset.name not in known)
    policy = first.spec.traffic_policy or other.spec.traffic_policy
    return replace(first, spec=replace(first.spec, subsets=first.spec.subsets + more, traffic_policy=policy))
