"""The services of the mesh and where they run, from Kubernetes objects and ServiceEntries alike."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from meshio.controlplane import protocol
from meshio.controlplane.documents import Documents
from meshio.controlplane.kubernetes import EndpointSlice, KubePort, KubeService, SliceEndpoint
from meshio.controlplane.metadata import Document
from meshio.controlplane.problem import Place
from meshio.controlplane.protocol import Protocol
from meshio.controlplane.scalars import is_ip
from meshio.controlplane.service_entry import EntryPort, Resolution, ServiceEntry
from meshio.controlplane.workloads import Workload, entry_workload, pod_workloads, selected, spiffe
from meshio.upstream.endpoint import Health

UNSPECIFIED = "0.0.0.0"
EXPORT_TO = "networking.istio.io/exportTo"
ACCOUNTS = "alpha.istio.io/kubernetes-serviceaccounts"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port as clients see it."""

    number: int
    name: str
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Instance:
    """A workload under one port of a service."""

    workload: Workload
    port: int

    @property
    def address(self) -> str:
        return self.workload.address


@dataclass(frozen=True, slots=True)
class Service:
    """
    host        full name, or a wildcard for ServiceEntries
    addresses   virtual addresses (IPs, ranges for ServiceEntries); () when there is none
    resolution  STATIC: endpoints are known; NONE: wherever the caller was going (headless services too)
    instances   workloads by port number
    accounts    SPIFFE ids its workloads may have
    """

    host: str
    name: str
    namespace: str
    ports: tuple[ServicePort, ...]
    addresses: tuple[str, ...] = ()
    resolution: Resolution = "STATIC"
    external: bool = False
    kubernetes: bool = False
    export_to: frozenset[str] = frozenset()
    instances: Mapping[int, tuple[Instance, ...]] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    selects: bool = False
    publishes_unready: bool = False
    place: Place = field(default=Place(), compare=False)

    @property
    def headless(self) -> bool:
        return self.kubernetes and self.resolution == "NONE"

    @property
    def ips(self) -> tuple[str, ...]:
        """The addresses that are not ranges."""
        return tuple(address for address in self.addresses if "/" not in address)

    def port(self, number: int) -> ServicePort | None:
        return next((port for port in self.ports if port.number == number), None)


def build_registry(documents: Documents, suffix: str) -> tuple[Service, ...]:
    """Every service, in istiod's order (name, then namespace); `suffix` is the cluster's DNS suffix."""
    workloads = pod_workloads(documents)
    entries = [
        entry_workload(entry.spec, entry.name, entry.namespace, entry.metadata.labels, documents.mesh.trust_domain)
        for entry in documents.workload_entries
    ]
    everyone = [*workloads.values(), *entries]
    services = [
        *(kube_service(each, documents, workloads, everyone, suffix) for each in documents.services if listable(each)),
        *(service for each in documents.service_entries for service in entry_services(each, documents, everyone)),
    ]
    return tuple(sorted(merged(services), key=lambda service: (service.name, service.namespace)))


def listable(service: Document[KubeService]) -> bool:
    """ExternalName services have no endpoints of their own (`check` says that they are not supported)."""
    return service.spec.type != "ExternalName"


def merged(services: Iterable[Service]) -> Iterator[Service]:
    """One service per namespace and host: Kubernetes before others, then the first; the rest adds its endpoints."""
    found: dict[tuple[str, str], Service] = {}
    for service in services:
        key = (service.namespace, service.host)
        found[key] = service if key not in found else together(found[key], service)
    return iter(found.values())


def together(one: Service, other: Service) -> Service:
    known = {port.number for port in one.ports}
    return replace(
        one,
        ports=one.ports + tuple(port for port in other.ports if port.number not in known),
        addresses=tuple(dict.fromkeys(one.addresses + other.addresses)),
        instances={
            number: one.instances.get(number, ()) + other.instances.get(number, ())
            for number in one.instances.keys() | other.instances.keys()
        },
        accounts=tuple(sorted({*one.accounts, *other.accounts})),
    )


def kube_service(
    document: Document[KubeService],
    documents: Documents,
    pods: Mapping[tuple[str, str], Workload],
    everyone: Iterable[Workload],
    suffix: str,
) -> Service:
    spec, namespace = document.spec, document.namespace
    headless = spec.cluster_ip == "None"
    slices = [
        each
        for each in documents.slices
        if each.namespace == namespace and each.metadata.labels.get("kubernetes.io/service-name") == document.name
    ]
    instances: dict[int, tuple[Instance, ...]] = {}
    for port in spec.ports:
        found = sliced(slices, port, pods) if slices else picked(document, port, everyone)
        instances[port.port] = tuple(found)
    return Service(
        host=f"{document.name}.{namespace}.svc.{suffix}",
        name=document.name,
        namespace=namespace,
        ports=tuple(
            ServicePort(port.port, port.name, protocol.of_port(port.port, port.name, port.protocol, port.app_protocol))
            for port in spec.ports
        ),
        addresses=() if headless else (spec.cluster_ips or tuple(filter(None, [spec.cluster_ip]))),
        resolution="NONE" if headless else "STATIC",
        kubernetes=True,
        export_to=words(document.metadata.annotations.get(EXPORT_TO, "")),
        instances=instances,
        accounts=accounts(instances, named_accounts(document, documents.mesh.trust_domain)),
        selects=True,
        publishes_unready=spec.publish_not_ready_addresses,
        place=document.place,
    )


def named_accounts(document: Document[KubeService], trust_domain: str) -> list[str]:
    names = words(document.metadata.annotations.get(ACCOUNTS, ""))
    return [spiffe(trust_domain, document.namespace, name) for name in names]


def words(text: str) -> frozenset[str]:
    """The parts of a comma-separated annotation."""
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def accounts(instances: Mapping[int, tuple[Instance, ...]], more: Iterable[str]) -> tuple[str, ...]:
    found = {each.workload.account for group in instances.values() for each in group}
    return tuple(sorted((found | set(more)) - {""}))


def sliced(
    slices: Iterable[Document[EndpointSlice]], port: KubePort, pods: Mapping[tuple[str, str], Workload]
) -> Iterator[Instance]:
    """What the EndpointSlices of a service say about one of its ports. Endpoints that go away are left out."""
    for document in slices:
        numbers = [each.port for each in document.spec.ports if each.name == port.name and each.port is not None]
        for endpoint in document.spec.endpoints if numbers else ():
            workload = endpoint_workload(endpoint, document.namespace, pods)
            if workload is not None and (endpoint.conditions.ready or not endpoint.conditions.terminating):
                yield Instance(workload, numbers[0])


def endpoint_workload(
    endpoint: SliceEndpoint, namespace: str, pods: Mapping[tuple[str, str], Workload]
) -> Workload | None:
    """The pod behind an endpoint, or just the address; None while there is no pod of the name it gives."""
    if not endpoint.addresses:
        return None
    address = endpoint.addresses[0]
    health: Health = "healthy" if endpoint.conditions.ready else "unhealthy"
    target = endpoint.target_ref
    if target is not None and target.kind == "Pod":
        pod = pods.get((target.namespace or namespace, target.name))
        if pod is None:
            return None
    else:
        pod = next((each for each in pods.values() if each.address == address and each.namespace == namespace), None)
    if pod is None:
        return Workload("", namespace, address, {}, health=health, hostname=endpoint.hostname)
    return replace(pod, address=address, health=health, hostname=endpoint.hostname or pod.hostname)


def picked(service: Document[KubeService], port: KubePort, everyone: Iterable[Workload]) -> Iterator[Instance]:
    """The workloads that a service's selector finds, where nobody wrote EndpointSlices."""
    selector = service.spec.selector
    for workload in everyone:
        if selector and workload.namespace == service.namespace and selected(workload.labels, selector):
            number = target_number(port, workload)
            if number:
                ready = "healthy" if workload.health == "unknown" else workload.health
                yield Instance(replace(workload, health=ready), number)


def target_number(port: KubePort, workload: Workload) -> int:
    """The port on the workload: targetPort, by number or by name; 0 when the workload has no such name."""
    if port.name in workload.ports and not workload.pod:
        return workload.ports[port.name]
    if isinstance(port.target_port, str):
        return workload.ports.get(port.target_port, 0)
    return port.target_port or port.port


def entry_services(
    document: Document[ServiceEntry], documents: Documents, everyone: Iterable[Workload]
) -> Iterator[Service]:
    """One service per host of a ServiceEntry."""
    spec, trust_domain = document.spec, documents.mesh.trust_domain
    if spec.workload_selector is not None:
        labels = spec.workload_selector.labels
        found = [each for each in everyone if each.namespace == document.namespace and selected(each.labels, labels)]
    else:
        found = [
            entry_workload(each, f"{document.name}-{index}", document.namespace, {}, trust_domain)
            for index, each in enumerate(spec.endpoints)
        ]
    for host in spec.hosts:
        places = found
        if spec.resolution in ("DNS", "DNS_ROUND_ROBIN") and not spec.endpoints and spec.workload_selector is None:
            places = [Workload(document.name, document.namespace, host, {})]
        instances = {port.number: tuple(place_instances(places, port, spec.resolution)) for port in spec.ports}
        yield Service(
            host=host.lower(),
            name=host.lower(),
            namespace=document.namespace,
            ports=tuple(ServicePort(port.number, port.name, protocol.declared(port.protocol)) for port in spec.ports),
            addresses=tuple(plain(address) for address in spec.addresses),
            resolution=spec.resolution,
            external=spec.location == "MESH_EXTERNAL",
            export_to=frozenset(spec.export_to),
            instances=instances,
            accounts=accounts(instances, spec.subject_alt_names),
            selects=spec.workload_selector is not None,
            place=document.place,
        )


def place_instances(workloads: Iterable[Workload], port: EntryPort, resolution: Resolution) -> Iterator[Instance]:
    by_name = resolution in ("DNS", "DNS_ROUND_ROBIN")
    for workload in workloads:
        if by_name or is_ip(workload.address):
            yield Instance(workload, workload.ports.get(port.name) or port.target_port or port.number)


def plain(address: str) -> str:
    """A range of one address is that address."""
    network = ip_network(address, strict=False)
    return str(network.network_address) if network.num_addresses == 1 else address
