"""Which kinds of objects are read, which are known and not acted on, and which are misspelt."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from meshio.controlplane.destination_rule import DestinationRule
from meshio.controlplane.kubernetes import Bare, EndpointSlice, KubeService, Pod
from meshio.controlplane.problem import Place, Problem, did_you_mean, error, unsupported, warning
from meshio.controlplane.reading import children, line_of, text_at
from meshio.controlplane.schema import Part
from meshio.controlplane.service_entry import ServiceEntry, WorkloadEntry
from meshio.controlplane.virtual_service import VirtualService


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind is read. `whole`: its fields stand beside metadata, not in `spec`."""

    name: str
    group: str
    spec: type[Part]
    whole: bool = False


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("VirtualService", "networking.istio.io", VirtualService),
        Kind("DestinationRule", "networking.istio.io", DestinationRule),
        Kind("ServiceEntry", "networking.istio.io", ServiceEntry),
        Kind("WorkloadEntry", "networking.istio.io", WorkloadEntry),
        Kind("Service", "", KubeService),
        Kind("EndpointSlice", "discovery.k8s.io", EndpointSlice, whole=True),
        Kind("Pod", "", Pod, whole=True),
        Kind("Node", "", Bare, whole=True),
    )
}

VERSIONS: Mapping[str, tuple[str, ...]] = {
    "networking.istio.io": ("v1", "v1beta1", "v1alpha3"),
    "": ("v1",),
    "discovery.k8s.io": ("v1", "v1beta1"),
}

# Istio and Gateway API kinds that change what a client does.
UNSUPPORTED: Mapping[str, str] = {
    "Sidecar": "every exported service is visible to every client",
    "EnvoyFilter": "there is no Envoy here to patch",
    "WasmPlugin": "there is no Envoy here to extend",
    "TrafficExtension": "there is no Envoy here to extend",
    "HTTPRoute": "write a VirtualService",
    "GRPCRoute": "write a VirtualService",
    "TLSRoute": "write a VirtualService",
    "TCPRoute": "write a VirtualService",
    "BackendTLSPolicy": "write a DestinationRule",
    "Endpoints": "write an EndpointSlice",
    "ServiceImport": "write a ServiceEntry",
}

# Kinds that concern servers, gateways and the control plane itself.
ELSEWHERE: Mapping[str, str] = {
    "AuthorizationPolicy": "it is enforced by the server that is called",
    "RequestAuthentication": "it is enforced by the server that is called",
    "PeerAuthentication": "it is enforced by the server that is called",
    "Gateway": "it concerns gateways only",
    "GatewayClass": "it concerns gateways only",
    "ReferenceGrant": "it concerns gateways only",
    "Ingress": "it concerns gateways only",
    "Telemetry": "telemetry is configured in the program",
    "ProxyConfig": "there is no Envoy here to configure",
    "WorkloadGroup": "workloads are not registered by themselves here; write WorkloadEntry objects",
}

# Kubernetes kinds that say nothing about traffic, for istiod neither.
SILENT = frozenset(
    "Namespace ConfigMap Secret ServiceAccount Deployment ReplicaSet StatefulSet DaemonSet Job CronJob"
    " Role RoleBinding ClusterRole ClusterRoleBinding CustomResourceDefinition HorizontalPodAutoscaler"
    " PodDisruptionBudget PersistentVolumeClaim PersistentVolume NetworkPolicy LimitRange ResourceQuota Lease"
    " PriorityClass StorageClass ValidatingWebhookConfiguration MutatingWebhookConfiguration Kustomization".split()
)


def api_group(node: yaml.Node) -> str:
    group, slash, _ = text_at(node, "apiVersion").rpartition("/")
    return group if slash else ""


def about_kind(node: yaml.MappingNode, place: Place) -> Problem | None:
    """What is to be said about an object because of its kind; None when it is read, or silently passed over."""
    name, version = text_at(node, "kind"), text_at(node, "apiVersion")
    if not name:
        hint = "add 'kind'; a MeshConfig belongs in mesh.yaml" if "apiVersion" not in keys(node) else "add 'kind'"
        return error(place, "kind is missing", hint)
    spot = place.below("kind", line_of_key(node, "kind", place.line))
    if name in KINDS:
        return about_version(
            KINDS[name], version, place.below("apiVersion", line_of_key(node, "apiVersion", spot.line))
        )
    if name == "PeerAuthentication" and mentions(node, "DISABLE"):
        return unsupported(
            spot, "mode DISABLE is not supported: clients go by the tlsMode label of the pod", "remove that label"
        )
    if name in UNSUPPORTED:
        return unsupported(spot, f"{name} is not supported: it has no effect", UNSUPPORTED[name])
    if name in ELSEWHERE:
        return warning(spot, f"{name} has no effect on clients", ELSEWHERE[name])
    if name in SILENT or foreign(version):
        return None
    return error(spot, f"unknown kind {name!r}", did_you_mean(name, (*KINDS, *UNSUPPORTED, *ELSEWHERE, *SILENT)))


def about_version(kind: Kind, version: str, place: Place) -> Problem | None:
    allowed = [f"{kind.group}/{each}" if kind.group else each for each in VERSIONS[kind.group]]
    if version in allowed:
        return None
    if kind.name == "Service" and foreign(version):
        return None  # somebody else's kind of the same name, Knative's for one
    return error(place, f"{kind.name} is not of apiVersion {version!r}", f"write {allowed[0]}")


def foreign(version: str) -> bool:
    """True for the API groups of other projects, whose kinds istiod does not read either."""
    group = version.rpartition("/")[0]
    return "." in group and not group.endswith((".istio.io", ".k8s.io"))


def mentions(root: yaml.Node, word: str) -> bool:
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, yaml.ScalarNode) and node.value == word:
            return True
        stack.extend(children(node))
    return False


def keys(node: yaml.MappingNode) -> set[str]:
    return {str(key.value) for key, _ in node.value}


def line_of_key(node: yaml.MappingNode, name: str, default: int) -> int:
    return next((line_of(key) for key, _ in node.value if key.value == name), default)
