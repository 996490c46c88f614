"""ServiceEntries as services."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from meshio.controlplane import protocol
from meshio.controlplane.metadata import Document
from meshio.controlplane.scalars import is_ip
from meshio.controlplane.service_entry import EntryPort, Resolution, ServiceEntry
from meshio.controlplane.services import Instance, Service, ServicePort, accounts
from meshio.controlplane.workloads import Workload, entry_workload, selected


def entry_services(
    document: Document[ServiceEntry], neighbours: Iterable[Workload], trust_domain: str
) -> Iterator[Service]:
    """One service per host of a ServiceEntry. `neighbours` are the workloads of its namespace."""
    spec = document.spec
    if spec.workload_selector is not None:
        labels = spec.workload_selector.labels
        found = [each for each in neighbours if selected(each.labels, labels)]
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
