"""What documents say about each other that cannot be right: names that are not there, rules that collide."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from meshio.controlplane.destination_rule import DestinationRule, Subset
from meshio.controlplane.documents import Documents, load
from meshio.controlplane.hosts import covers, full_name, is_wild
from meshio.controlplane.metadata import Document
from meshio.controlplane.problem import Place, Problem, closest, did_you_mean, error, warning
from meshio.controlplane.registry import build_registry
from meshio.controlplane.services import Service
from meshio.controlplane.virtual_service import Destination, TcpRoute, TlsRoute, VirtualService
from meshio.controlplane.workloads import selected

SUFFIX = "cluster.local"
NAME_LABEL = "kubernetes.io/service-name"


def check(directory: Path | str) -> list[Problem]:
    """Every problem of a folder of YAML, by file and line: what `meshio check` prints."""
    documents, problems = load(directory)
    return sorted([*problems, *audit(documents)], key=lambda each: (each.file, each.line, each.field))


def audit(documents: Documents, suffix: str = SUFFIX) -> list[Problem]:
    """Every problem between documents."""
    census = Census(documents, suffix)
    return [
        *(problem for each in documents.virtual_services for problem in census.virtual_service(each)),
        *(problem for each in documents.destination_rules for problem in census.destination_rule(each)),
        *rival_virtual_services(documents, suffix),
        *stray_slices(documents),
    ]


class Census:
    """Who is who, for questions about names."""

    def __init__(self, documents: Documents, suffix: str) -> None:
        self._suffix = suffix
        self._services = {service.host: service for service in build_registry(documents, suffix)}
        self._subsets: dict[str, dict[str, Subset]] = {}
        for rule in documents.destination_rules:
            host = full_name(rule.spec.host, rule.namespace, suffix)
            found = self._subsets.setdefault(host, {})
            found.update({subset.name: subset for subset in rule.spec.subsets})

    def find(self, host: str) -> Service | None:
        """The service of a host, or a wildcard ServiceEntry that covers it."""
        if host in self._services:
            return self._services[host]
        return next((each for name, each in self._services.items() if is_wild(name) and covers(name, host)), None)

    def missing(self, place: Place, host: str, namespace: str, text: str) -> Problem:
        """A problem about a host that is no service, with the most similar one there is."""
        near = {name.removesuffix(f".{namespace}.svc.{self._suffix}"): name for name in self._services}
        short = host.removesuffix(f".{namespace}.svc.{self._suffix}")
        return error(place, text, closest(short, near, cutoff=0.8) or "write a Service or a ServiceEntry for it")

    # --- VirtualService

    def virtual_service(self, document: Document[VirtualService]) -> Iterator[Problem]:
        if not document.spec.in_mesh:
            yield warning(document.spec.at("gateways"), "it is for gateways only: workloads do not see it", "add mesh")
        for host in document.spec.hosts if document.spec.in_mesh else ():
            full = full_name(host, document.namespace, self._suffix).lower()
            if not is_wild(full) and self.find(full) is None and document.spec.http:
                text = f"there is no service {full}: the routes hold for port 80 only"
                found = self.missing(document.spec.at("hosts"), full, document.namespace, text)
                yield warning(document.spec.at("hosts"), text, found.suggestion)
        for destination in destinations(document.spec):
            yield from self.destination(destination, document.namespace)

    def destination(self, destination: Destination, namespace: str) -> Iterator[Problem]:
        host = full_name(destination.host, namespace, self._suffix)
        service = self.find(host)
        if service is None:
            yield self.missing(destination.at("host"), host, namespace, f"there is no service {host}")
            return
        known = self._subsets.get(host, {})
        if destination.subset and destination.subset not in known:
            hint = did_you_mean(destination.subset, known) or f"add it to a DestinationRule for {host}"
            text = f"no DestinationRule for {host} defines subset {destination.subset!r}"
            yield error(destination.at("subset"), text, hint)
        if destination.port is not None and service.port(destination.port.number) is None:
            yield self.no_port(destination.port.at("number"), destination.port.number, service)

    def no_port(self, place: Place, number: int, service: Service) -> Problem:
        ports = ", ".join(str(port.number) for port in service.ports)
        return error(place, f"{service.host} has no port {number}", f"one of: {ports}")

    # --- DestinationRule

    def destination_rule(self, document: Document[DestinationRule]) -> Iterator[Problem]:
        spec = document.spec
        host = full_name(spec.host, document.namespace, self._suffix)
        if is_wild(host):
            return
        service = self.find(host)
        if service is None:
            yield self.missing(spec.at("host"), host, document.namespace, f"there is no service {host}")
            return
        for subset in spec.subsets:
            labels = [each.workload.labels for group in service.instances.values() for each in group]
            if labels and not any(selected(own, subset.labels) for own in labels):
                wanted = ", ".join(f"{name}={value}" for name, value in subset.labels.items())
                hint = did_you_mean_label(subset.labels, labels)
                yield warning(subset.at("labels"), f"no endpoint of {host} has the labels {wanted}", hint)
        policies = [spec.traffic_policy, *(subset.traffic_policy for subset in spec.subsets)]
        for policy in policies:
            for each in policy.port_level_settings if policy is not None else ():
                if service.port(each.port.number) is None:
                    yield self.no_port(each.port.at("number"), each.port.number, service)


def destinations(spec: VirtualService) -> Iterator[Destination]:
    for route in spec.http:
        yield from (each.destination for each in route.route)
        yield from (each.destination for each in route.mirrors)
        if route.mirror is not None:
            yield route.mirror
    connections: tuple[TcpRoute | TlsRoute, ...] = (*spec.tcp, *spec.tls)
    for plain in connections:
        yield from (each.destination for each in plain.route)


def did_you_mean_label(wanted: Mapping[str, str], own: Iterable[Mapping[str, str]]) -> str:
    """The values that the first label with another value does have."""
    for name, value in wanted.items():
        values = sorted({labels[name] for labels in own if name in labels})
        if value not in values:
            return did_you_mean(value, values) if values else f"no endpoint has a label {name!r}"
    return ""


def rival_virtual_services(documents: Documents, suffix: str) -> Iterator[Problem]:
    """Two VirtualServices for one host do not add up: the first one has it."""
    owners: dict[tuple[str, str], Document[VirtualService]] = {}
    for document in documents.virtual_services:
        for host in document.spec.hosts if document.spec.in_mesh and document.spec.http else ():
            key = (full_name(host, document.namespace, suffix).lower(), ",".join(sorted(document.spec.export_to)))
            first = owners.setdefault(key, document)
            if first is not document:
                text = f"{key[0]} has a VirtualService already, {first.namespace}/{first.name}: its routes count"
                yield error(document.spec.at("hosts"), text, f"put the routes of both into one: {first.place.file}")


def stray_slices(documents: Documents) -> Iterator[Problem]:
    """Endpoints that belong to no service."""
    known = {(service.namespace, service.name) for service in documents.services}
    for document in documents.slices:
        name = document.metadata.labels.get(NAME_LABEL, "")
        place = document.metadata.at("labels")
        if not name:
            yield warning(place, "the slice belongs to no service", f"add the label {NAME_LABEL}")
        elif (document.namespace, name) not in known:
            hint = did_you_mean(name, [own for namespace, own in known if namespace == document.namespace])
            yield warning(place, f"there is no Service {document.namespace}/{name}", hint)
