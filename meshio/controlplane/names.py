"""The name table: addresses of host names, for callers that resolve through the mesh (istiod: name_table.go)."""

from meshio.controlplane.scalars import is_ip
from meshio.controlplane.scope import Scope
from meshio.controlplane.services import Service
from meshio.mesh.snapshot import Name


def build_names(scope: Scope) -> dict[str, Name]:
    """Virtual addresses of services, pod addresses of headless ones, and their pods by host name."""
    names: dict[str, Name] = {}
    for service in scope.services:
        addresses = service.ips or headless_addresses(service, names)
        if addresses:
            names[service.host] = Name(
                addresses,
                namespace=service.namespace if service.kubernetes else "",
                short=service.name if service.kubernetes else "",
            )
    return names


def headless_addresses(service: Service, names: dict[str, Name]) -> tuple[str, ...]:
    """The pods of a headless service; those with a host name get an entry of their own."""
    if service.resolution != "NONE" or not service.ports:
        return ()
    found = (each.workload for each in service.instances.get(service.ports[0].number, ()))
    workloads = [each for each in found if each.health == "healthy" or service.publishes_unready]
    for workload in workloads:
        if workload.hostname and workload.subdomain:
            short = f"{workload.hostname}.{workload.subdomain}"
            host = f"{short}.{service.host.partition('.')[2]}"
            known = names[host].addresses if host in names else ()
            names[host] = Name((*known, workload.address), service.namespace, short)
    return tuple(dict.fromkeys(workload.address for workload in workloads if is_ip(workload.address)))
