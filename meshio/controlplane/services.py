"""Services as clients see them: ports, addresses, and the workloads behind them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meshio.controlplane.problem import Place
from meshio.controlplane.protocol import Protocol
from meshio.controlplane.service_entry import Resolution
from meshio.controlplane.workloads import Workload

UNSPECIFIED = "0.0.0.0"


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


def accounts(instances: Mapping[int, tuple[Instance, ...]], more: Iterable[str]) -> tuple[str, ...]:
    found = {each.workload.account for group in instances.values() for each in group}
    return tuple(sorted((found | set(more)) - {""}))
