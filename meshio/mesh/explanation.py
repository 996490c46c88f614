"""What `explain` answers: plain values, ready for JSON."""

from dataclasses import asdict, dataclass

from meshio.resilience.retry import Retry


@dataclass(frozen=True, slots=True)
class Passed:
    """A route that did not take the request, and the first of its matchers that did not hold, in words."""

    route: str
    reason: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class HostState:
    """One host of a cluster as it stands now.

    state   whether it takes requests, or why it does not, in words
    """

    address: str
    state: str
    weight: float
    inflight: int
    priority: int = 0
    locality: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the mesh would answer itself. `flags` are Envoy's; "" for a redirect or a direct response."""

    status: int
    reason: str
    flags: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One cluster that the request may go to, with its share in percent, and what would be sent there."""

    cluster: str
    share: float
    policy: str = ""
    hosts: tuple[HostState, ...] = ()
    authority: str = ""
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    answer: Answer | None = None  # when the mesh itself would have to answer


@dataclass(frozen=True, slots=True)
class Explanation:
    """The way of one request, from its destination down. What does not apply is empty.

    host, port    where the URL points; `port` is the one that is used
    addresses     what the mesh knows the host by
    chain         the filter chain of the listener, and what it leads to
    domain        the domain of the virtual host that the authority met
    path          as routes see it, after normalisation
    passed        the routes before the one that was taken
    action        "forward", "redirect", "direct response", "tcp proxy", or "" when the way ends earlier
    high          the request has high priority
    layers        fault and other filters on the way, outermost first
    answer        set when the mesh would answer by itself, whatever the upstream does
    """

    method: str
    host: str
    port: int
    authority: str
    path: str
    addresses: tuple[str, ...] = ()
    listener: str = ""
    chain: str = ""
    table: str = ""
    virtual_host: str = ""
    domain: str = ""
    passed: tuple[Passed, ...] = ()
    route: str | None = None
    origin: str = ""
    action: str = ""
    clusters: tuple[Choice, ...] = ()
    mirrors: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    timeout: float | None = None
    retry: Retry | None = None
    high: bool = False
    answer: Answer | None = None

    def as_dict(self) -> dict[str, object]:
        """The same as plain data, for JSON."""
        told = asdict(self)
        if self.retry is not None:
            told["retry"] |= {"on": sorted(self.retry.on), "statuses": sorted(self.retry.statuses)}
        return told
