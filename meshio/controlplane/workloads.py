"""Workloads: the places where services run, from Pods and WorkloadEntries."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshio.controlplane.documents import Documents
from meshio.controlplane.kubernetes import Pod
from meshio.controlplane.metadata import Document, Metadata
from meshio.controlplane.service_entry import WorkloadEntry
from meshio.upstream.endpoint import Health, Locality

REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
SUBZONE = "topology.istio.io/subzone"
HOSTNAME = "kubernetes.io/hostname"
CLUSTER = "topology.istio.io/cluster"
LOCALITY = "istio-locality"
TLS_MODE = "security.istio.io/tlsMode"

CLUSTER_ID = "Kubernetes"


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload. `ports` are its own names for ports; `account` is its SPIFFE id, or ""."""

    name: str
    namespace: str
    address: str
    labels: Mapping[str, str]
    locality: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    weight: int = 1
    health: Health = "unknown"
    account: str = ""
    tls_mode: str = ""
    hostname: str = ""
    subdomain: str = ""
    pod: str = ""

    @property
    def described(self) -> str:
        """Istio's endpoint metadata: `workload;namespace;canonical name;revision;cluster`."""
        revision = first(self.labels, "service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
        name = first(self.labels, "service.istio.io/canonical-name", "app.kubernetes.io/name", "app") or self.name
        return f"{self.name};{self.namespace};{name};{'' if revision == 'latest' else revision};{CLUSTER_ID}"


def first(labels: Mapping[str, str], *names: str) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def parse_locality(text: str) -> Locality:
    """`region/zone/subzone`; an absent part is empty."""
    region, _, rest = text.partition("/")
    zone, _, subzone = rest.partition("/")
    return Locality(region, zone, subzone)


def augmented(labels: Mapping[str, str], locality: str, node: str = "") -> dict[str, str]:
    """Labels with the topology that istiod adds, for subsets and failover priorities."""
    place = parse_locality(locality)
    topology = {REGION: place.region, ZONE: place.zone, SUBZONE: place.subzone, HOSTNAME: node, CLUSTER: CLUSTER_ID}
    return {**labels, **{name: value for name, value in topology.items() if value and name not in labels}}


def pod_workloads(documents: Documents) -> dict[tuple[str, str], Workload]:
    """A workload for every Pod with an address, by namespace and name."""
    nodes = {node.name: node_locality(node.metadata) for node in documents.nodes}
    trust_domain = documents.mesh.trust_domain
    return {
        (pod.namespace, pod.name): pod_workload(pod, nodes, trust_domain)
        for pod in documents.pods
        if pod.spec.status.pod_ip
    }


def pod_workload(pod: Document[Pod], nodes: Mapping[str, str], trust_domain: str) -> Workload:
    labels = pod.metadata.labels
    spec = pod.spec.spec
    locality = labels.get(LOCALITY, "").replace(".", "/") or nodes.get(spec.node_name, "")
    return Workload(
        name=owner_name(pod.metadata),
        namespace=pod.namespace,
        address=pod.spec.status.pod_ip,
        labels=augmented(labels, locality, spec.node_name),
        locality=locality,
        ports={port.name: port.container_port for item in spec.containers for port in item.ports if port.name},
        health="healthy" if pod.spec.ready else "unhealthy",
        account=spiffe(trust_domain, pod.namespace, spec.service_account_name),
        tls_mode=labels.get(TLS_MODE, ""),
        hostname=spec.hostname,
        subdomain=spec.subdomain,
        pod=pod.name,
    )


def owner_name(metadata: Metadata) -> str:
    """The Deployment (or other controller) a pod belongs to; the pod itself when it is on its own."""
    if not metadata.owner_references:
        return metadata.name
    owner = metadata.owner_references[0]
    template = metadata.labels.get("pod-template-hash", "")
    return owner.name.removesuffix(f"-{template}") if owner.kind == "ReplicaSet" and template else owner.name


def node_locality(metadata: Metadata) -> str:
    parts = [metadata.labels.get(name, "") for name in (REGION, ZONE, SUBZONE)]
    return "/".join(parts).rstrip("/")


def entry_workload(
    entry: WorkloadEntry, name: str, namespace: str, labels: Mapping[str, str], trust_domain: str
) -> Workload:
    """A WorkloadEntry, of its own or inline in a ServiceEntry. `labels` are those of its metadata."""
    merged = {**entry.labels, **labels}
    locality = entry.locality or merged.get(LOCALITY, "").replace(".", "/")
    return Workload(
        name=name,
        namespace=namespace,
        address=entry.address,
        labels=augmented(merged, locality),
        locality=locality,
        ports=entry.ports,
        weight=entry.weight or 1,
        account=spiffe(trust_domain, namespace, entry.service_account) if entry.service_account else "",
        tls_mode=merged.get(TLS_MODE, "istio" if entry.service_account else ""),
    )


def selected(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    """Whether labels hold all of a selector."""
    return all(labels.get(name) == value for name, value in selector.items())


def spiffe(trust_domain: str, namespace: str, account: str) -> str:
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{account}"
