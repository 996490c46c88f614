"""The services of the mesh and where they run, from Kubernetes objects and ServiceEntries alike."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from meshio.controlplane.documents import Documents
from meshio.controlplane.entry_services import entry_services
from meshio.controlplane.kube_services import Surroundings, kube_service, slices_by_owner
from meshio.controlplane.kubernetes import KubeService
from meshio.controlplane.metadata import Document
from meshio.controlplane.services import Service
from meshio.controlplane.workloads import Workload, entry_workload, pod_workloads


def build_registry(documents: Documents, suffix: str) -> tuple[Service, ...]:
    """Every service, in istiod's order (name, then namespace); `suffix` is the cluster's DNS suffix."""
    trust_domain = documents.mesh.trust_domain
    pods = pod_workloads(documents)
    everyone: dict[str, list[Workload]] = {}
    for pod in pods.values():
        everyone.setdefault(pod.namespace, []).append(pod)
    for entry in documents.workload_entries:
        workload = entry_workload(entry.spec, entry.name, entry.namespace, entry.metadata.labels, trust_domain)
        everyone.setdefault(entry.namespace, []).append(workload)
    around = Surroundings(pods, everyone, slices_by_owner(documents), suffix, trust_domain)
    services = [
        *(kube_service(each, around) for each in documents.services if listable(each)),
        *(
            service
            for each in documents.service_entries
            for service in entry_services(each, everyone.get(each.namespace, []), trust_domain)
        ),
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
