"""Kubernetes objects, as far as discovery needs them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from meshio.controlplane.scalars import PORT
from meshio.controlplane.schema import Name, Part


@dataclass(frozen=True, kw_only=True)
class KubePort(Part):
    IGNORED = frozenset({"nodePort"})

    port: Annotated[int, PORT]
    name: str = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str | None = None
    target_port: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class KubeService(Part):
    """`spec` of a Service."""

    IGNORED = frozenset(
        "allocateLoadBalancerNodePorts externalIPs externalTrafficPolicy healthCheckNodePort ipFamilies ipFamilyPolicy"
        " loadBalancerClass loadBalancerIP loadBalancerSourceRanges sessionAffinity sessionAffinityConfig".split()
    )
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "internalTrafficPolicy": "endpoints of every node are used",
        "trafficDistribution": "use localityLbSetting in a DestinationRule",
    }

    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    cluster_ip: Annotated[str, Name("clusterIP")] = ""
    cluster_ips: Annotated[tuple[str, ...], Name("clusterIPs")] = ()
    ports: tuple[KubePort, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    publish_not_ready_addresses: bool = False
    external_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Conditions(Part):
    """EndpointConditions. Absent means ready."""

    ready: bool = True
    serving: bool = True
    terminating: bool = False


@dataclass(frozen=True, kw_only=True)
class TargetRef(Part):
    LENIENT = True
    kind: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, kw_only=True)
class SliceEndpoint(Part):
    IGNORED = frozenset({"hints", "deprecatedTopology"})

    addresses: tuple[str, ...]
    conditions: Conditions = Conditions()
    hostname: str = ""
    node_name: str = ""
    target_ref: TargetRef | None = None
    zone: str = ""


@dataclass(frozen=True, kw_only=True)
class SlicePort(Part):
    port: Annotated[int | None, PORT] = None
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


@dataclass(frozen=True, kw_only=True)
class EndpointSlice(Part):
    """An EndpointSlice; its fields stand beside `metadata`, there is no `spec`."""

    IGNORED = frozenset({"apiVersion", "kind", "metadata"})

    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[SlicePort, ...] = ()
    address_type: Literal["IPv4", "IPv6", "FQDN"] = "IPv4"


@dataclass(frozen=True, kw_only=True)
class ContainerPort(Part):
    LENIENT = True
    container_port: Annotated[int, PORT]
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Container(Part):
    LENIENT = True
    ports: tuple[ContainerPort, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PodSpec(Part):
    LENIENT = True
    containers: tuple[Container, ...] = ()
    node_name: str = ""
    service_account_name: str = "default"
    hostname: str = ""
    subdomain: str = ""


@dataclass(frozen=True, kw_only=True)
class Condition(Part):
    LENIENT = True
    type: str = ""
    status: str = ""


@dataclass(frozen=True, kw_only=True)
class PodStatus(Part):
    LENIENT = True
    pod_ip: Annotated[str, Name("podIP")] = ""
    phase: str = ""
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pod(Part):
    """A Pod, without what only the kubelet reads."""

    LENIENT = True
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        """Ready, or without any word about it (a hand-written Pod)."""
        said = [condition.status for condition in self.status.conditions if condition.type == "Ready"]
        return said[0] == "True" if said else self.status.phase in ("", "Running")


@dataclass(frozen=True, kw_only=True)
class Bare(Part):
    """An object of which only the metadata counts: Node, Namespace."""

    LENIENT = True
