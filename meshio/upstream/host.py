"""The live state of one endpoint."""

from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

from meshio.balancing.labels import Labels
from meshio.resilience.checkup import Checkup
from meshio.resilience.outlier import Streaks
from meshio.upstream.cluster import ClientTls
from meshio.upstream.endpoint import NOWHERE, Endpoint, Health, Locality, is_path

if TYPE_CHECKING:
    from meshio.upstream.upstream import Upstream

FIT, DEGRADED, UNFIT = "fit", "degraded", "unfit"
STATE = attrgetter("ejected", "checkup", "endpoint.health")
SOUND = {(False, None, "unknown"), (False, None, "healthy")}
CONDITIONS = {"unknown": FIT, "healthy": FIT, "degraded": DEGRADED}


def name_of(address: str, port: int) -> str:
    """As Envoy writes it."""
    if is_path(address):
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Host:
    """One place where requests go. Survives every update that keeps its address and its TLS settings.

    name        "ip:port"
    weight      of the balancing policy; a float while a new host grows to its `full_weight`
    rated       the weight that load reports give it; 0 where they have no say
    inflight    requests under way: that have a connection; latency: moving average in seconds
    requests, failures   since it was first seen; a failure is a 5xx or a failure of the connection
    ejected, streaks     outlier detection; no streaks before the first failure
    home        the cluster it belongs to, where it is picked for another one too
    checkup     what active health checks say; None where there are none
    used        when a request last ended, for original destinations
    tls         what the cluster's transport sockets say for this endpoint; None is plaintext
    pool, more_pools     owned by `transport`; `pool` is what most requests use
    """

    __slots__ = (
        "checkup", "ejected", "endpoint", "failures", "home", "inflight", "latency", "locality", "more_pools",
        "name", "pool", "priority", "rated", "requests", "streaks", "tls", "used", "weight",
    )  # fmt: skip

    name: str

    def __init__(self, endpoint: Endpoint, tls: ClientTls | None = None) -> None:
        self.endpoint = endpoint
        self.rated = 0
        self.weight: float = endpoint.weight or 1
        self.locality: Locality = NOWHERE
        self.priority = 0
        self.tls = tls
        self.inflight = self.requests = self.failures = 0
        self.latency = 0.0
        self.ejected = False
        self.streaks: Streaks | None = None
        self.used: float | None = None
        self.checkup: Checkup | None = None
        self.home: Upstream | None = None
        self.pool: object | None = None
        self.more_pools: dict[str, object] | None = None

    def __getattr__(self, field: str) -> str:
        """The name is made when somebody first asks for it: most hosts of a large cluster are never picked."""
        if field != "name":
            raise AttributeError(field)
        address, port = self.endpoint.address
        self.name = name_of(address, port)
        return self.name

    def move(self, endpoint: Endpoint) -> None:
        """It is the same one, at other addresses."""
        self.endpoint = endpoint
        self.name = name_of(*endpoint.address)

    def describe(self, endpoint: Endpoint, locality: Locality, priority: int) -> None:
        """Take over what the control plane says now."""
        self.endpoint = endpoint
        self.weight = self.full_weight
        self.locality = locality
        self.priority = priority

    @property
    def full_weight(self) -> int:
        """What its load reports give it, or what the control plane says."""
        return self.rated or self.endpoint.weight or 1

    def rate(self, weight: int) -> bool:
        """Take over what load reports give it; 0 leaves it to the control plane. True when that is something else."""
        if weight == self.rated:
            return False
        self.rated = weight
        if not isinstance(self.weight, float):  # one that grows is on its way there
            self.weight = self.full_weight
        return True

    @property
    def key(self) -> bytes:
        """What consistent hashing hashes."""
        return (self.endpoint.hash_key or self.name).encode()

    @property
    def name_key(self) -> bytes:
        """The same, where host names are to count."""
        return (self.endpoint.hash_key or self.endpoint.hostname).encode()

    @property
    def labels(self) -> Labels:
        """What subsets are made by."""
        return self.endpoint.labels

    @property
    def condition(self) -> str:
        """FIT, DEGRADED or UNFIT: what the balancer makes of health status and ejection (Envoy's coarse health)."""
        checkup, told = self.checkup, CONDITIONS.get(self.endpoint.health, UNFIT)
        if self.ejected or (checkup is not None and checkup.failed):
            return UNFIT
        return DEGRADED if checkup is not None and checkup.degraded and told is FIT else told

    @property
    def health(self) -> Health:
        """The same in the words of the control plane: what it says, unless we know worse."""
        said = self.endpoint.health
        return "unhealthy" if self.condition is UNFIT and CONDITIONS.get(said, UNFIT) is not UNFIT else said

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.condition} inflight={self.inflight}>"


def all_fit(hosts: Iterable[Host]) -> bool:
    """Whether that is plain to see, as it nearly always is: faster than a look at the condition of each."""
    return set(map(STATE, hosts)) <= SOUND
