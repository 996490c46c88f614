"""VirtualService, as istio.io/api v1alpha3/virtual_service.proto has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from meshio.controlplane.scalars import (
    CIDR,
    CORS_METHODS,
    HEADER_FIELDS,
    HEADERS,
    HOST,
    HOSTS,
    NAME,
    NATURAL,
    NOTICEABLE,
    PERCENT,
    PORT,
    REDIRECT,
    REGEX,
    RETRY_ON,
    WHOLE_SECONDS,
    between,
)
from meshio.controlplane.schema import Name, Part, Seconds

STATUS = between(200, 599)


@dataclass(frozen=True, kw_only=True)
class PortSelector(Part):
    number: Annotated[int, PORT]


@dataclass(frozen=True, kw_only=True)
class Percent(Part):
    value: Annotated[float, PERCENT] = 0.0


@dataclass(frozen=True, kw_only=True)
class Destination(Part):
    host: Annotated[str, HOST]
    subset: Annotated[str, NAME] = ""
    port: PortSelector | None = None


@dataclass(frozen=True, kw_only=True)
class StringMatch(Part):
    """`{}` means "is there"."""

    ONE_OF = (frozenset({"exact", "prefix", "regex"}),)
    UNSAFE: ClassVar[Mapping[str, str]] = {"suffix": 'use regex: ".*suffix"', "contains": 'use regex: ".*part.*"'}

    exact: str | None = None
    prefix: str | None = None
    regex: Annotated[str | None, REGEX] = None


@dataclass(frozen=True, kw_only=True)
class HeaderOperations(Part):
    set: Annotated[Mapping[str, str], HEADER_FIELDS] = field(default_factory=dict)
    add: Annotated[Mapping[str, str], HEADER_FIELDS] = field(default_factory=dict)
    remove: Annotated[tuple[str, ...], HEADERS] = ()


@dataclass(frozen=True, kw_only=True)
class Headers(Part):
    request: HeaderOperations = HeaderOperations()
    response: HeaderOperations = HeaderOperations()


@dataclass(frozen=True, kw_only=True)
class HttpMatch(Part):
    """HTTPMatchRequest: all of it must hold."""

    IGNORED = frozenset({"statPrefix"})

    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: Mapping[str, StringMatch] = field(default_factory=dict)
    without_headers: Mapping[str, StringMatch] = field(default_factory=dict)
    query_params: Mapping[str, StringMatch] = field(default_factory=dict)
    ignore_uri_case: bool = False
    port: Annotated[int | None, PORT] = None
    source_labels: Mapping[str, str] = field(default_factory=dict)
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HttpDestination(Part):
    """HTTPRouteDestination. A single destination needs no weight."""

    destination: Destination
    weight: Annotated[int, NATURAL] = 0
    headers: Headers = Headers()


@dataclass(frozen=True, kw_only=True)
class HttpRedirect(Part):
    ONE_OF = (frozenset({"port", "derivePort"}), frozenset({"uri", "prefixRewrite"}))

    uri: str = ""
    prefix_rewrite: str = ""
    authority: str = ""
    port: Annotated[int, PORT] = 0
    derive_port: Literal["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"] = "FROM_PROTOCOL_DEFAULT"
    scheme: str = ""
    redirect_code: Annotated[int, REDIRECT] = 301


@dataclass(frozen=True, kw_only=True)
class HttpBody(Part):
    ONE_OF = (frozenset({"string", "bytes"}),)

    string: str = ""
    octets: Annotated[bytes, Name("bytes")] = b""


@dataclass(frozen=True, kw_only=True)
class DirectResponse(Part):
    status: Annotated[int, STATUS]
    body: HttpBody = HttpBody()


@dataclass(frozen=True, kw_only=True)
class RegexRewrite(Part):
    match: Annotated[str, REGEX]
    rewrite: str = ""


@dataclass(frozen=True, kw_only=True)
class HttpRewrite(Part):
    ONE_OF = (frozenset({"uri", "uriRegexRewrite"}),)

    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


@dataclass(frozen=True, kw_only=True)
class HttpRetry(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "retryRemoteLocalities": "retries follow the priorities of the endpoints; leave it out",
    }

    attempts: Annotated[int, between(0, 2**31 - 1)] = 0
    per_try_timeout: Annotated[Seconds | None, NOTICEABLE] = None
    retry_on: Annotated[str, RETRY_ON] = ""
    retry_ignore_previous_hosts: bool | None = None
    backoff: Annotated[Seconds | None, NOTICEABLE] = None


@dataclass(frozen=True, kw_only=True)
class Delay(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {"exponentialDelay": "Istio ignores it too; use fixedDelay"}
    ONE_OF = (frozenset({"percent", "percentage"}),)

    fixed_delay: Annotated[Seconds, NOTICEABLE]
    percentage: Percent | None = None
    percent: Annotated[int, PERCENT] = 0


@dataclass(frozen=True, kw_only=True)
class Abort(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "grpcStatus": "use httpStatus",
        "http2Error": "Istio ignores it too; use httpStatus",
    }

    http_status: Annotated[int | None, STATUS] = None
    percentage: Percent | None = None


@dataclass(frozen=True, kw_only=True)
class HttpFault(Part):
    delay: Delay | None = None
    abort: Abort | None = None


@dataclass(frozen=True, kw_only=True)
class CorsPolicy(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "allowOrigin": 'Istio has deprecated it; use allowOrigins: [{exact: "https://..."}]',
    }

    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: Annotated[tuple[str, ...], CORS_METHODS] = ()
    allow_headers: Annotated[tuple[str, ...], HEADERS] = ()
    expose_headers: Annotated[tuple[str, ...], HEADERS] = ()
    max_age: Annotated[Seconds | None, WHOLE_SECONDS] = None
    allow_credentials: bool | None = None
    unmatched_preflights: Literal["UNSPECIFIED", "FORWARD", "IGNORE"] = "UNSPECIFIED"


@dataclass(frozen=True, kw_only=True)
class HttpMirror(Part):
    destination: Destination
    percentage: Percent | None = None


@dataclass(frozen=True, kw_only=True)
class HttpRoute(Part):
    ONE_OF = (
        frozenset({"route", "redirect", "directResponse", "delegate"}),
        frozenset({"mirror", "mirrors"}),
        frozenset({"mirrorPercent", "mirrorPercentage"}),
    )
    UNSAFE: ClassVar[Mapping[str, str]] = {"delegate": "put the routes of the other VirtualService here"}

    name: str = ""
    match: tuple[HttpMatch, ...] = ()
    route: tuple[HttpDestination, ...] = ()
    redirect: HttpRedirect | None = None
    direct_response: DirectResponse | None = None
    rewrite: HttpRewrite | None = None
    timeout: Annotated[Seconds | None, NOTICEABLE] = None
    retries: HttpRetry | None = None
    fault: HttpFault | None = None
    mirror: Destination | None = None
    mirrors: tuple[HttpMirror, ...] = ()
    mirror_percent: Annotated[int | None, PERCENT] = None
    mirror_percentage: Percent | None = None
    headers: Headers = Headers()
    cors_policy: CorsPolicy | None = None


@dataclass(frozen=True, kw_only=True)
class RouteDestination(Part):
    destination: Destination
    weight: Annotated[int, NATURAL] = 0


@dataclass(frozen=True, kw_only=True)
class ConnectionMatch(Part):
    """What TCP and TLS routes ask alike."""

    destination_subnets: tuple[Annotated[str, CIDR], ...] = ()
    port: Annotated[int | None, PORT] = None
    source_labels: Mapping[str, str] = field(default_factory=dict)
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


@dataclass(frozen=True, kw_only=True)
class TcpMatch(ConnectionMatch):
    """L4MatchAttributes."""

    UNSAFE: ClassVar[Mapping[str, str]] = {"sourceSubnet": "Istio ignores it; use sourceLabels"}


@dataclass(frozen=True, kw_only=True)
class TlsMatch(ConnectionMatch):
    """TLSMatchAttributes."""

    sni_hosts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TcpRoute(Part):
    match: tuple[TcpMatch, ...] = ()
    route: tuple[RouteDestination, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TlsRoute(Part):
    match: tuple[TlsMatch, ...]
    route: tuple[RouteDestination, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VirtualService(Part):
    hosts: Annotated[tuple[str, ...], HOSTS]
    gateways: tuple[str, ...] = ()
    http: tuple[HttpRoute, ...] = ()
    tls: tuple[TlsRoute, ...] = ()
    tcp: tuple[TcpRoute, ...] = ()
    export_to: tuple[str, ...] = ()

    @property
    def in_mesh(self) -> bool:
        """True when it applies to workloads, not (only) to gateways."""
        return not self.gateways or "mesh" in self.gateways
