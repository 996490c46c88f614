"""Messages about routes, as short as tests want them."""

from datetime import timedelta

from meshio.matching import PathPrefix
from meshio.routing import route as values
from meshio.routing.route import RouteTable
from meshio.xds.decode import Decoder
from meshio.xds.proto.envoy.config.core.v3 import RuntimeFractionalPercent
from meshio.xds.proto.envoy.config.route.v3 import (
    FilterConfig,
    HeaderMatcher,
    QueryParameterMatcher,
    RetryPolicy,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    Route,
    RouteAction,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
    WeightedClusterClusterWeight,
)
from meshio.xds.proto.envoy.config.route.v3 import WeightedCluster as WeightedMessage
from meshio.xds.proto.envoy.extensions.filters.common.fault.v3 import FaultDelay
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import CorsPolicy
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from meshio.xds.proto.envoy.type.matcher.v3 import RegexMatchAndSubstitute, RegexMatcher, StringMatcher
from meshio.xds.proto.envoy.type.v3 import FractionalPercent
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.types import ROUTES

ANY = RouteMatch(prefix="/")
TO_A = RouteAction(cluster="a")


def table(*routes: Route, **host: object) -> RouteConfiguration:
    return RouteConfiguration("t", [VirtualHost("h", ["*"], list(routes), **host)])  # type: ignore[arg-type]


def decode(message: RouteConfiguration) -> RouteTable:
    value = Decoder().decode(ROUTES, message.name, bytes(message))
    assert isinstance(value, RouteTable)
    return value


def only_route(message: RouteConfiguration) -> values.Route:
    return decode(message).hosts[0].routes[0]


def regex(pattern: str) -> RegexMatcher:
    return RegexMatcher(regex=pattern)


def rewrite(pattern: str, replacement: str) -> RegexMatchAndSubstitute:
    return RegexMatchAndSubstitute(regex(pattern), replacement)


def header(**condition: object) -> RouteMatch:
    return RouteMatch(prefix="/", headers=[HeaderMatcher(name="X-A", **condition)])  # type: ignore[arg-type]


def query(**condition: object) -> RouteMatch:
    return RouteMatch(prefix="/", query_parameters=[QueryParameterMatcher("q", **condition)])  # type: ignore[arg-type]


def text(**condition: object) -> StringMatcher:
    return StringMatcher(**condition)  # type: ignore[arg-type]


PREFIX = PathPrefix(b"/")
CHANCE = RuntimeFractionalPercent(FractionalPercent(1, 1))


def action(**said: object) -> Route:
    return Route(match=ANY, route=RouteAction(cluster="a", **said))  # type: ignore[arg-type]


POLICY = RetryPolicy(
    retry_on="5xx, retriable-status-codes,retriable-headers",
    num_retries=3,
    per_try_timeout=timedelta(seconds=2),
    retriable_status_codes=[409, 429],
    host_selection_retry_max_attempts=5,
    retry_host_predicate=[RetryPolicyRetryHostPredicate("envoy.retry_host_predicates.previous_hosts")],
    retry_back_off=RetryPolicyRetryBackOff(timedelta(milliseconds=100), timedelta(seconds=1)),
)
WEIGHTS = WeightedMessage(
    [
        WeightedClusterClusterWeight("a", weight=80, host_rewrite_literal="x"),
        WeightedClusterClusterWeight("b", weight=20, request_headers_to_remove=["X-Y"]),
        WeightedClusterClusterWeight("nobody", weight=0),
    ]
)
FAULT = HttpFault(FaultDelay(fixed_delay=timedelta(seconds=1), percentage=FractionalPercent(10)))
ABORT = HttpFault(abort=FaultAbort(http_status=503, percentage=FractionalPercent(100)))


def packed(message: HttpFault | FilterConfig) -> dict[str, Any]:
    return {"envoy.filters.http.fault": Any.pack(message)}


CORS = "envoy.filters.http.cors"
ASKED = CorsPolicy(
    allow_origin_string_match=[StringMatcher(exact="http://ok")],
    allow_methods="GET,PUT",
    allow_headers="x-a",
    expose_headers="x-b",
    max_age="60",
    allow_credentials=True,
    filter_enabled=RuntimeFractionalPercent(FractionalPercent(50)),
    forward_not_matching_preflights=False,
)
OTHER = Any("type.googleapis.com/some.Thing", b"")
