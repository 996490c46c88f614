"""Routes as values: what a RouteConfiguration says, and nothing it does not say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from meshio.balancing.hashing import HashPolicy
from meshio.balancing.labels import FilterMetadata, Labels, of_istio
from meshio.errors import Rejected
from meshio.matching import Matcher
from meshio.matching.tree import Tree
from meshio.resilience.descriptors import Limit
from meshio.resilience.fault import Fraction
from meshio.resilience.retry import Retry
from meshio.resilience.streams import StreamDuration
from meshio.routing.alteration import Step
from meshio.routing.body_format import BodyFormat
from meshio.routing.filters import Overrides
from meshio.routing.mutation import NO_MUTATION, HeaderMutation
from meshio.routing.rewrite import HostRewrite, PathFormat, PathRewrite
from meshio.routing.upgrade import Upgrades

ALWAYS = Fraction(100)


@dataclass(frozen=True, slots=True)
class WeightedCluster:
    """One destination of a forward. Its mutations come before the route's.

    name     "" for no cluster at all
    wanted   labels that hosts are to have, where the cluster chooses by them: the route's, and those of its own
    header   the request header that names the cluster, instead of `name`
    """

    name: str
    weight: int = 1
    request_headers: HeaderMutation = NO_MUTATION
    response_headers: HeaderMutation = NO_MUTATION
    host_rewrite: HostRewrite | None = None
    overrides: Overrides = ()
    wanted: Labels = ()
    header: str = ""


@dataclass(frozen=True, slots=True)
class ByHeader:
    """A number in this request header decides among the weighted clusters; without one chance does."""

    name: str


@dataclass(frozen=True, slots=True)
class ByHash:
    """What the hash policies make of the request decides among the weighted clusters; without a hash chance does."""


Draw: TypeAlias = ByHeader | ByHash


@dataclass(frozen=True, slots=True)
class Mirror:
    """Send a copy of a share of the requests to `cluster` and forget the answer."""

    cluster: str
    share: Fraction = ALWAYS
    host_suffix: bool = True  # "-shadow" behind the host name, unless Istio disables it
    header: str = ""  # the request header that names the cluster, where `cluster` does not
    changes: tuple[Step, ...] = ()  # to the copy's headers, in this order
    host: str = ""  # the copy's authority, without a suffix


@dataclass(frozen=True, slots=True)
class Follow:
    """Follow redirects of the upstream (Envoy's InternalRedirectPolicy).

    most           how often for one request
    codes          statuses that are followed
    cross_scheme   from http to https and back, too; with `safe` not from http to https
    listed         names of the only routes that may take it; None for any
    fresh          not twice from this route to the same
    copied         response headers that go into the request, in lower case
    buffer_limit   bytes of a request body that are kept to be sent again
    """

    most: int = 1
    codes: frozenset[int] = frozenset({302})
    cross_scheme: bool = False
    safe: bool = False
    listed: frozenset[str] | None = None
    fresh: bool = False
    copied: tuple[bytes, ...] = ()
    buffer_limit: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the request to a cluster.

    timeout            seconds; None for none (Envoy's 15 s default is applied by the translator)
    max_grpc_timeout   seconds; bounds what a gRPC caller's `grpc-timeout` may ask for; 0 for no bound, None: it has
                       no say
    grpc_offset        seconds that are taken off it
    idle_timeout       seconds without a byte either way; None for the listener's, 0 for no limit
    duration           how long a stream may last; where it says anything, there is no `timeout`
    timeout_status     of the answer when a timeout ends it
    longest_try        seconds of one exchange with a host, in place of the cluster's
    high               requests have high priority: connections and limits of their own
    quiet              the upstream hears neither what the request was before, nor how long somebody waits
    upgrades           which kinds it allows or forbids, whatever the listener says

    rate_limits        what a rate limit counts requests by; with `include_host_limits` the virtual host's count, too

    Raises Rejected at once when no cluster has a weight; Envoy refuses such a route, too.
    """

    clusters: tuple[WeightedCluster, ...]
    timeout: float | None = 15.0
    retry: Retry | None = None
    path_rewrite: PathRewrite | None = None
    host_rewrite: HostRewrite | None = None
    mirrors: tuple[Mirror, ...] = ()
    hash_policies: tuple[HashPolicy, ...] = ()
    max_grpc_timeout: float | None = None
    missing_cluster_status: int = 503
    rate_limits: tuple[Limit, ...] = ()
    include_host_limits: bool = False
    draw: Draw | None = None
    path_format: PathFormat | None = None
    follow: Follow | None = None
    forwards_host: bool = False  # a host rewrite leaves the old one in x-forwarded-host
    grpc_offset: float = 0.0
    idle_timeout: float | None = None
    duration: StreamDuration | None = None
    timeout_status: int = 504
    longest_try: float | None = None
    quiet: bool = False
    high: bool = False
    upgrades: Upgrades = ()

    def __post_init__(self) -> None:
        if not any(entry.weight > 0 for entry in self.clusters):
            raise Rejected("weighted_clusters", "weight", "the sum of the weights must not be 0")


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with a redirect (Envoy's RedirectAction). None or "" leaves that part as the request has it."""

    status: int = 301
    scheme: str = ""
    https: bool = False
    host: str = ""
    port: int = 0
    path: str = ""
    path_rewrite: PathRewrite | None = None
    strip_query: bool = False


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """Answer with this status and body, without any upstream. `form` writes the body, from `body`."""

    status: int
    body: bytes = b""
    form: BodyFormat | None = None


Action: TypeAlias = Forward | Redirect | DirectResponse


@dataclass(frozen=True, slots=True)
class Route:
    """All matchers must hold; the first route that matches wins. `overrides` are about the listener's filters.

    origin   the Istio resource it came from, e.g.
             /apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews
    metadata what else it says to filters, for those who tell it
    """

    match: tuple[Matcher, ...]
    action: Action
    name: str = ""
    request_headers: HeaderMutation = NO_MUTATION
    response_headers: HeaderMutation = NO_MUTATION
    overrides: Overrides = ()
    decorator: str = ""
    decorates: bool = True  # the upstream is told the decorator, where the listener says so at all
    origin: str = ""
    metadata: FilterMetadata = ()

    @property
    def istio(self) -> Labels:
        """What is kept of Istio's metadata, as it was said."""
        return (("config", self.origin),) if self.origin else ()

    @property
    def filter_metadata(self) -> FilterMetadata:
        """What it says to filters, Istio's part included."""
        return of_istio(self.istio, self.metadata)

    def clusters(self) -> Iterator[str]:
        """Every cluster this route may send to, mirrors included."""
        if isinstance(self.action, Forward):
            yield from (cluster.name for cluster in self.action.clusters if cluster.name)
            yield from (mirror.cluster for mirror in self.action.mirrors if mirror.cluster)


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """Routes for the authorities in `domains`: exact, `*.suffix`, `prefix.*` or `*`.

    tells_timeouts   a retry tells the upstream whether a timeout is the reason (x-envoy-is-timeout-retry)
    """

    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...]
    request_headers: HeaderMutation = NO_MUTATION
    response_headers: HeaderMutation = NO_MUTATION
    attempt_count: bool = False  # x-envoy-attempt-count goes to the upstream
    overrides: Overrides = ()
    rate_limits: tuple[Limit, ...] = ()
    answers_attempt_count: bool = False  # and comes back with the answer
    secure: bool = False  # requests over plain HTTP are redirected
    tree: Tree[tuple[Route, ...]] | None = None  # finds the routes, instead of `routes`
    tells_timeouts: bool = False
    metadata: FilterMetadata = ()  # what it says to filters, for those who tell it

    def every_route(self) -> Iterator[Route]:
        """All routes that a request may take."""
        yield from self.routes
        if self.tree is not None:
            for routes in self.tree.leaves():
                yield from routes


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A RouteConfiguration.

    host_header       the request header that is looked at in place of the authority; without it there is no route
    private_headers   request headers that nobody outside of the mesh's proxies may set: they are taken off
    """

    name: str
    hosts: tuple[VirtualHost, ...]
    ignore_port: bool = False
    request_headers: HeaderMutation = NO_MUTATION
    response_headers: HeaderMutation = NO_MUTATION
    most_specific_wins: bool = False
    overrides: Overrides = ()
    host_header: str = ""
    private_headers: tuple[str, ...] = ()

    def clusters(self) -> set[str]:
        """Every cluster that any route may send to, but for those that requests name."""
        return {name for host in self.hosts for route in host.every_route() for name in route.clusters()}
