"""Kubernetes Services, with the endpoints that EndpointSlices, or else selectors, give them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from meshio.controlplane import protocol
from meshio.controlplane.documents import Documents
from meshio.controlplane.kubernetes import EndpointSlice, KubePort, KubeService, SliceEndpoint
from meshio.controlplane.metadata import Document
from meshio.controlplane.services import Instance, Service, ServicePort, accounts
from meshio.controlplane.workloads import Workload, selected, spiffe
from meshio.upstream.endpoint import Health

EXPORT_TO = "networking.istio.io/exportTo"
ACCOUNTS = "alpha.istio.io/kubernetes-serviceaccounts"
OWNER = "kubernetes.io/service-name"
Slices = Mapping[tuple[str, str], list[Document[EndpointSlice]]]


@dataclass(frozen=True)
class Surroundings:
    """What Kubernetes Services are looked up in.

    pods        by namespace and name
    everyone    workloads by namespace: pods and WorkloadEntries
    slices      EndpointSlices by namespace and name of the service
    """

    pods: Mapping[tuple[str, str], Workload]
    everyone: Mapping[str, list[Workload]]
    slices: Slices
    suffix: str
    trust_domain: str


def slices_by_owner(documents: Documents) -> Slices:
    found: dict[tuple[str, str], list[Document[EndpointSlice]]] = {}
    for each in documents.slices:
        found.setdefault((each.namespace, each.metadata.labels.get(OWNER, "")), []).append(each)
    return found


def kube_service(document: Document[KubeService], around: Surroundings) -> Service:
    """A Service with its endpoints."""
    spec, namespace = document.spec, document.namespace
    headless = spec.cluster_ip == "None"
    slices = around.slices.get((namespace, document.name), [])
    neighbours = around.everyone.get(namespace, [])
    instances = {
        port.port: tuple(sliced(slices, port, around.pods) if slices else picked(document, port, neighbours))
        for port in spec.ports
    }
    return Service(
        host=f"{document.name}.{namespace}.svc.{around.suffix}",
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
        accounts=accounts(instances, named_accounts(document, around.trust_domain)),
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


def picked(service: Document[KubeService], port: KubePort, neighbours: Iterable[Workload]) -> Iterator[Instance]:
    """The workloads that a service's selector finds, where nobody wrote EndpointSlices."""
    selector = service.spec.selector
    for workload in neighbours if selector else ():
        if selected(workload.labels, selector):
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
