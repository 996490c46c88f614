"""ServiceEntry and WorkloadEntry, as istio.io/api v1alpha3/{service,workload}_entry.proto have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, TypeAlias

from meshio.controlplane.scalars import CIDR, HOSTS, NATURAL, PORT, Check, Invalid
from meshio.controlplane.schema import Part

Resolution: TypeAlias = Literal["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"]


def no_dynamic_dns(value: str) -> None:
    if value == "DYNAMIC_DNS":
        raise Invalid("DYNAMIC_DNS is not supported", "name the hosts one by one with resolution DNS")


@dataclass(frozen=True, kw_only=True)
class EntryPort(Part):
    """ServicePort: `protocol` as in a Kubernetes port name; absent, the traffic is looked at."""

    number: Annotated[int, PORT]
    name: str
    protocol: str = ""
    target_port: Annotated[int | None, PORT] = None


@dataclass(frozen=True, kw_only=True)
class WorkloadEntry(Part):
    """One place where a ServiceEntry is reached; `ports` maps its port names to numbers here."""

    UNSUPPORTED: ClassVar[Mapping[str, str]] = {"network": "every endpoint is reached directly"}

    address: str
    ports: Mapping[str, Annotated[int, PORT]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    locality: str = ""
    weight: Annotated[int, NATURAL] = 0
    service_account: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkloadSelector(Part):
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ServiceEntry(Part):
    ONE_OF = (frozenset({"endpoints", "workloadSelector"}),)

    hosts: Annotated[tuple[str, ...], HOSTS]
    addresses: tuple[Annotated[str, CIDR], ...] = ()
    ports: tuple[EntryPort, ...] = ()
    location: Literal["MESH_EXTERNAL", "MESH_INTERNAL"] = "MESH_EXTERNAL"
    resolution: Annotated[Resolution, Check(no_dynamic_dns)] = "NONE"
    endpoints: tuple[WorkloadEntry, ...] = ()
    workload_selector: WorkloadSelector | None = None
    export_to: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
