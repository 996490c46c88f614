"""Active health checks as the control plane described them. Durations are in seconds."""

from dataclasses import dataclass
from random import random
from typing import TypeAlias

from meshio.matching.text import Text
from meshio.resilience.checkup import Change

Range: TypeAlias = tuple[int, int]
"""From, and up to but not including."""

OK: tuple[Range, ...] = ((200, 201),)


@dataclass(frozen=True, slots=True)
class AddedHeader:
    """A header of the question; `action` and `value` are those of `routing.mutation.HeaderValue`."""

    name: str
    value: str
    action: str = "append"
    keep_empty: bool = False


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """Ask over HTTP/1.1.

    host        the authority; "" for the cluster's name. What an endpoint says of itself comes first
    expected, retriable   statuses that are well; that are not, but count as one failure of several only
    receive     what the body has to hold, in order, within its first `most` bytes (0: anywhere)
    service     matches the header `x-envoy-upstream-healthchecked-cluster`
    """

    path: str
    host: str = ""
    method: str = "GET"
    send: bytes = b""
    expected: tuple[Range, ...] = OK
    retriable: tuple[Range, ...] = ()
    receive: tuple[bytes, ...] = ()
    most: int = 1024
    service: Text | None = None
    add: tuple[AddedHeader, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """Connect, and if there is anything to `receive`, send and wait for it. Without, nothing is sent."""

    send: bytes = b""
    receive: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class GrpcProbe:
    """grpc.health.v1.Health/Check of a service; "" for the whole server. `metadata` goes along."""

    service: str = ""
    authority: str = ""
    metadata: tuple[tuple[str, str], ...] = ()


Probe: TypeAlias = HttpProbe | TcpProbe | GrpcProbe


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a cluster's hosts are asked whether they are well.

    interval            between two checks of a host that is well; `unhealthy_interval` of one that is not
    healthy_edge, unhealthy_edge   after a check that was a step towards a threshold
    no_traffic, no_traffic_healthy   while the cluster has never been used
    jitter, jitter_percent   what is added to each at random, at most
    reuse               the connection is kept from one check to the next
    exclude_new         hosts that were not checked yet do not count as ill
    leave_at_once       hosts that the control plane forgets go, though they are well
    """

    probe: Probe
    timeout: float
    interval: float
    unhealthy_threshold: int
    healthy_threshold: int
    unhealthy_interval: float
    unhealthy_edge: float
    healthy_edge: float
    no_traffic: float = 60.0
    no_traffic_healthy: float = 60.0
    initial_jitter: float = 0.0
    jitter: float = 0.0
    jitter_percent: int = 0
    reuse: bool = True
    exclude_new: bool = False
    leave_at_once: bool = False

    def pause(self, well: bool, change: Change, used: bool) -> float:
        """How long to wait after a check that went like this; `used`: the cluster has had requests."""
        pending = change == "pending"
        if not used:
            base = self.no_traffic_healthy if well and not pending else self.no_traffic
        elif well:
            base = self.healthy_edge if pending else self.interval
        else:
            base = self.unhealthy_edge if pending else self.unhealthy_interval
        return max(0.001, base + random() * base * self.jitter_percent / 100 + random() * self.jitter)


def in_ranges(status: int, ranges: tuple[Range, ...]) -> bool:
    """Whether one of them holds it."""
    return any(first <= status < end for first, end in ranges)


def holds(body: bytes, parts: tuple[bytes, ...]) -> bool:
    """Whether a body holds these parts one after the other, with anything in between (Envoy: `PayloadMatcher`)."""
    at = 0
    for part in parts:
        found = body.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True
