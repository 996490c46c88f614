"""Route configurations: what each part becomes, and what is refused."""

from datetime import timedelta

import pytest

from meshio.balancing.hashing import HashCookie, HashHeader, HashQuery, HashSourceIp
from meshio.errors import Rejected
from meshio.matching import (
    Contains,
    Exact,
    Header,
    HeaderPresent,
    HeaderRange,
    Path,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    Prefix,
    Query,
    QueryPresent,
    Regex,
    RuntimeFraction,
    Suffix,
)
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.retry import Retry
from meshio.routing import route as values
from meshio.routing.cors import Cors
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.rewrite import (
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import DirectResponse, Forward, Mirror, Redirect, RouteTable, WeightedCluster
from meshio.xds.decode import Decoder
from meshio.xds.proto.envoy.config.core.v3 import DataSource, HeaderValueOption, RuntimeFractionalPercent
from meshio.xds.proto.envoy.config.core.v3 import HeaderValue as HeaderMessage
from meshio.xds.proto.envoy.config.route.v3 import (
    DirectResponseAction,
    FilterConfig,
    HeaderMatcher,
    QueryParameterMatcher,
    RedirectAction,
    RetryPolicy,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    Route,
    RouteAction,
    RouteActionHashPolicy,
    RouteActionHashPolicyConnectionProperties,
    RouteActionHashPolicyCookie,
    RouteActionHashPolicyHeader,
    RouteActionHashPolicyQueryParameter,
    RouteActionMaxStreamDuration,
    RouteActionRequestMirrorPolicy,
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
from meshio.xds.proto.envoy.type.v3 import FractionalPercent, Int64Range
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
MATCHES = {
    "prefix": (RouteMatch(prefix="/a"), (PathPrefix(b"/a"),)),
    "prefix, any case": (RouteMatch(prefix="/a", case_sensitive=False), (PathPrefix(b"/a", True),)),
    "path": (RouteMatch(path="/a"), (Path(b"/a"),)),
    "segments": (RouteMatch(path_separated_prefix="/a"), (PathSeparatedPrefix(b"/a"),)),
    "regex": (RouteMatch(safe_regex=regex("/a.*")), (PathRegex(b"/a.*"),)),
    "chance": (RouteMatch(prefix="/", runtime_fraction=CHANCE), (PREFIX, RuntimeFraction(1, 10_000))),
    "header exact": (header(string_match=text(exact="v")), (PREFIX, Header(b"x-a", Exact(b"v")))),
    "header any case": (
        header(string_match=text(prefix="v", ignore_case=True)),
        (PREFIX, Header(b"x-a", Prefix(b"v", True))),
    ),
    "header suffix": (header(string_match=text(suffix="v")), (PREFIX, Header(b"x-a", Suffix(b"v")))),
    "header contains": (header(string_match=text(contains="v")), (PREFIX, Header(b"x-a", Contains(b"v")))),
    "header regex": (header(string_match=text(safe_regex=regex("v+"))), (PREFIX, Header(b"x-a", Regex(b"v+")))),
    "header inverted": (
        header(string_match=text(exact="v"), invert_match=True, treat_missing_header_as_empty=True),
        (PREFIX, Header(b"x-a", Exact(b"v"), True, True)),
    ),
    "header present": (header(present_match=True), (PREFIX, HeaderPresent(b"x-a"))),
    "header absent": (header(present_match=False), (PREFIX, HeaderPresent(b"x-a", False))),
    "header without condition": (header(invert_match=True), (PREFIX, HeaderPresent(b"x-a", True, True))),
    "header range": (header(range_match=Int64Range(-1, 5)), (PREFIX, HeaderRange(b"x-a", -1, 5))),
    "header exact, old": (header(exact_match="v"), (PREFIX, Header(b"x-a", Exact(b"v")))),
    "header prefix, old": (header(prefix_match="v"), (PREFIX, Header(b"x-a", Prefix(b"v")))),
    "header suffix, old": (header(suffix_match="v"), (PREFIX, Header(b"x-a", Suffix(b"v")))),
    "header contains, old": (header(contains_match="v"), (PREFIX, Header(b"x-a", Contains(b"v")))),
    "header regex, old": (header(safe_regex_match=regex("v")), (PREFIX, Header(b"x-a", Regex(b"v")))),
    "query exact": (query(string_match=text(exact="v")), (PREFIX, Query(b"q", Exact(b"v")))),
    "query present": (query(present_match=True), (PREFIX, QueryPresent(b"q"))),
    "query without condition": (query(), (PREFIX, QueryPresent(b"q"))),
}


@pytest.mark.parametrize("case", MATCHES)
def test_each_condition_becomes_its_matcher(case: str) -> None:
    message, expected = MATCHES[case]
    assert only_route(table(Route(match=message, route=TO_A))).match == expected


def action(**said: object) -> Route:
    return Route(match=ANY, route=RouteAction(cluster="a", **said))  # type: ignore[arg-type]


A = (WeightedCluster("a"),)
POLICY = RetryPolicy(
    retry_on="5xx, retriable-status-codes,retriable-headers",
    num_retries=3,
    per_try_timeout=timedelta(seconds=2),
    retriable_status_codes=[409, 429],
    host_selection_retry_max_attempts=5,
    retry_host_predicate=[RetryPolicyRetryHostPredicate("envoy.retry_host_predicates.previous_hosts")],
    retry_back_off=RetryPolicyRetryBackOff(timedelta(milliseconds=100), timedelta(seconds=1)),
)
RETRY = Retry(
    frozenset({"5xx", "retriable-status-codes"}), 3, frozenset({409, 429}), 2.0, 0.1, 1.0, True, 5, 1024 * 1024
)
WEIGHTS = WeightedMessage(
    [
        WeightedClusterClusterWeight("a", weight=80, host_rewrite_literal="x"),
        WeightedClusterClusterWeight("b", weight=20, request_headers_to_remove=["X-Y"]),
        WeightedClusterClusterWeight("nobody", weight=0),
    ]
)
ACTIONS = {
    "no timeout said": (action(), Forward(A, 15.0)),
    "timeout 0": (action(timeout=timedelta(0)), Forward(A, None)),
    "timeout": (action(timeout=timedelta(milliseconds=1500)), Forward(A, 1.5)),
    "stream duration alone": (
        action(max_stream_duration=RouteActionMaxStreamDuration(timedelta(seconds=3), timedelta(0))),
        Forward(A, 3.0, max_grpc_timeout=0.0),
    ),
    "the shorter of both": (
        action(timeout=timedelta(0), max_stream_duration=RouteActionMaxStreamDuration(timedelta(seconds=3))),
        Forward(A, 3.0),
    ),
    "grpc timeout": (action(max_grpc_timeout=timedelta(seconds=1)), Forward(A, max_grpc_timeout=1.0)),
    "retry": (action(retry_policy=POLICY), Forward(A, retry=RETRY)),
    "retry on nothing": (action(retry_policy=RetryPolicy(num_retries=3)), Forward(A)),
    "no retries": (action(retry_policy=RetryPolicy(retry_on="5xx", num_retries=0)), Forward(A)),
    "prefix rewrite": (action(prefix_rewrite="/b"), Forward(A, path_rewrite=PrefixRewrite("/b"))),
    "regex rewrite": (
        action(regex_rewrite=rewrite("/(.*)", r"/b/\1")),
        Forward(A, path_rewrite=RegexRewrite("/(.*)", r"/b/\1")),
    ),
    "host": (action(host_rewrite_literal="h"), Forward(A, host_rewrite=HostLiteral("h"))),
    "host of endpoint": (action(auto_host_rewrite=True), Forward(A, host_rewrite=HostOfEndpoint())),
    "host from header": (action(host_rewrite_header="X-H"), Forward(A, host_rewrite=HostFromHeader("x-h"))),
    "host from path": (
        action(host_rewrite_path_regex=rewrite("/(.*)", r"\1")),
        Forward(A, host_rewrite=HostFromPath("/(.*)", r"\1")),
    ),
    "mirror": (
        action(request_mirror_policies=[RouteActionRequestMirrorPolicy("m", disable_shadow_host_suffix_append=True)]),
        Forward(A, mirrors=(Mirror("m", host_suffix=False),)),
    ),
    "mirror a share": (
        action(request_mirror_policies=[RouteActionRequestMirrorPolicy("m", runtime_fraction=CHANCE)]),
        Forward(A, mirrors=(Mirror("m", Fraction(1, 10_000)),)),
    ),
    "hashes": (
        action(
            hash_policy=[
                RouteActionHashPolicy(header=RouteActionHashPolicyHeader("X-U", rewrite("a", "b")), terminal=True),
                RouteActionHashPolicy(cookie=RouteActionHashPolicyCookie("c", timedelta(seconds=9), "/p")),
                RouteActionHashPolicy(connection_properties=RouteActionHashPolicyConnectionProperties(True)),
                RouteActionHashPolicy(query_parameter=RouteActionHashPolicyQueryParameter("q")),
            ]
        ),
        Forward(
            A,
            hash_policies=(
                HashHeader("x-u", True, "a", "b"),
                HashCookie("c", 9.0, "/p"),
                HashSourceIp(),
                HashQuery("q"),
            ),
        ),
    ),
    "weights": (
        Route(match=ANY, route=RouteAction(weighted_clusters=WEIGHTS)),
        Forward(
            (
                WeightedCluster("a", 80, host_rewrite=HostLiteral("x")),
                WeightedCluster("b", 20, HeaderMutation(remove=("x-y",))),
            )
        ),
    ),
    "redirect": (
        Route(match=ANY, redirect=RedirectAction(https_redirect=True, host_redirect="h", port_redirect=8443)),
        Redirect(https=True, host="h", port=8443),
    ),
    "redirect of a prefix": (
        Route(match=ANY, redirect=RedirectAction(prefix_rewrite="/b", response_code=3, strip_query=True)),  # type: ignore[arg-type]
        Redirect(307, path_rewrite=PrefixRewrite("/b"), strip_query=True),
    ),
    "direct response": (
        Route(match=ANY, direct_response=DirectResponseAction(418, DataSource(inline_bytes=b"tea"))),
        DirectResponse(418, b"tea"),
    ),
}


@pytest.mark.parametrize("case", ACTIONS)
def test_each_action_becomes_its_value(case: str) -> None:
    message, expected = ACTIONS[case]
    assert only_route(table(message)).action == expected


def test_what_the_virtual_host_says_holds_where_the_route_says_nothing() -> None:
    mirror = [RouteActionRequestMirrorPolicy("m")]
    own = action(retry_policy=RetryPolicy(retry_on="reset"))
    forward = RouteConfiguration(
        "t", [VirtualHost("h", ["*"], [action(), own], retry_policy=POLICY, request_body_buffer_limit=10)]
    )
    forward.request_mirror_policies = mirror
    first, second = (route.action for route in decode(forward).hosts[0].routes)
    assert isinstance(first, Forward) and isinstance(second, Forward)
    assert first.retry is not None and first.retry.on == RETRY.on and first.retry.buffer_limit == 10
    assert second.retry is not None and second.retry.on == {"reset"} and second.retry.buffer_limit == 10
    assert first.mirrors == (Mirror("m"),)


def test_headers_of_every_level_are_taken_over() -> None:
    add = HeaderValueOption(HeaderMessage("X-A", "%REQ(x-b)%"))
    older = HeaderValueOption(HeaderMessage("x-a", "1"), append=False)
    message = RouteConfiguration(
        "t",
        [VirtualHost("h", ["*"], [Route(match=ANY, route=TO_A, request_headers_to_add=[older])])],
        response_headers_to_add=[add],
        request_headers_to_remove=["X-Gone"],
        ignore_port_in_host_matching=True,
        most_specific_header_mutations_wins=True,
    )
    value = decode(message)
    assert value.response_headers == HeaderMutation((HeaderValue("x-a", "%REQ(x-b)%"),))
    assert value.request_headers == HeaderMutation(remove=("x-gone",))
    assert value.hosts[0].routes[0].request_headers == HeaderMutation((HeaderValue("x-a", "1", "overwrite"),))
    assert value.ignore_port and value.most_specific_wins


FAULT = HttpFault(FaultDelay(fixed_delay=timedelta(seconds=1), percentage=FractionalPercent(10)))
ABORT = HttpFault(abort=FaultAbort(http_status=503, percentage=FractionalPercent(100)))


def packed(message: HttpFault | FilterConfig) -> dict[str, Any]:
    return {"envoy.filters.http.fault": Any.pack(message)}


def test_the_fault_of_the_most_specific_level_counts() -> None:
    one = Route(match=ANY, route=TO_A, typed_per_filter_config=packed(ABORT))
    two = Route(match=ANY, route=TO_A)
    message = table(one, two, typed_per_filter_config=packed(FAULT))
    message.typed_per_filter_config = packed(HttpFault())
    first, second = decode(message).hosts[0].routes
    assert first.layers == (Fault(abort=503, abort_share=Fraction(100)),)
    assert second.layers == (Fault(1.0, Fraction(10)),)


@pytest.mark.parametrize("nothing", [HttpFault(), FilterConfig(disabled=True)])
def test_a_route_can_switch_the_listener_s_fault_off(nothing: HttpFault | FilterConfig) -> None:
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=packed(nothing))))
    assert route.layers == (Fault(),)


def test_a_wrapped_filter_config_is_opened() -> None:
    wrapped = FilterConfig(config=Any.pack(ABORT))
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=packed(wrapped))))
    assert route.layers == (Fault(abort=503, abort_share=Fraction(100)),)


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


def test_a_cross_origin_policy_comes_inside_of_faults() -> None:
    both = {CORS: Any.pack(ASKED), **packed(ABORT)}
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=both)))
    policy = Cors((Exact(b"http://ok"),), "GET,PUT", "x-a", "x-b", "60", True, False, Fraction(50))
    assert route.layers == (Fault(abort=503, abort_share=Fraction(100)), policy)


def test_a_cross_origin_policy_that_is_switched_off_leaves_faults_alone() -> None:
    off = {CORS: Any.pack(FilterConfig(disabled=True))}
    assert only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=off))).layers == ()


def test_cross_origin_headers_cannot_smuggle() -> None:
    bad = {CORS: Any.pack(CorsPolicy(allow_methods="GET\r\nx: y"))}
    with pytest.raises(Rejected, match="allow_methods: holds NUL, CR or LF"):
        decode(table(Route(match=ANY, route=TO_A, typed_per_filter_config=bad)))


OTHER = Any("type.googleapis.com/some.Thing", b"")


def test_an_unknown_filter_config_that_is_optional_is_left_out() -> None:
    optional = {"x": Any.pack(FilterConfig(config=OTHER, is_optional=True))}
    assert only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=optional))).layers == ()


def routed(match: RouteMatch) -> RouteConfiguration:
    return table(Route(match=match, route=TO_A))


def added(name: str, value: str) -> RouteConfiguration:
    option = HeaderValueOption(HeaderMessage(name, value))
    return table(Route(match=ANY, route=TO_A, request_headers_to_add=[option]))


def retried(**said: object) -> RouteConfiguration:
    return table(action(retry_policy=RetryPolicy(retry_on=said.pop("on", "5xx"), **said)))  # type: ignore[arg-type]


def filtered(config: Any) -> RouteConfiguration:
    return table(Route(match=ANY, route=TO_A, typed_per_filter_config={"x": config}))


LONG = "a" * 5000
REFUSED = {
    "no match": (table(Route(route=TO_A)), "routes[0].match", "no match"),
    "no path": (routed(RouteMatch()), "match", "no path condition"),
    "no action": (table(Route(match=ANY)), "routes[0]", "no action"),
    "a bad regex": (routed(RouteMatch(safe_regex=regex("("))), "match.safe_regex.regex", "not RE2"),
    "a long regex": (routed(RouteMatch(safe_regex=regex(LONG))), "match.safe_regex.regex", "longer than"),
    "a bad header regex": (routed(header(string_match=text(safe_regex=regex("(")))), "string_match.safe_regex", "RE2"),
    "an empty text": (routed(header(string_match=StringMatcher())), "string_match", "no condition"),
    "a nameless header": (routed(RouteMatch(prefix="/", headers=[HeaderMatcher()])), "headers[0].name", "no name"),
    "an absent query": (routed(query(present_match=False)), "present_match", "cannot be asked"),
    "a chance of nothing": (
        routed(RouteMatch(prefix="/", runtime_fraction=RuntimeFractionalPercent())),
        "runtime_fraction.default_value",
        "no value",
    ),
    "an unknown denominator": (
        routed(RouteMatch(prefix="/", runtime_fraction=RuntimeFractionalPercent(FractionalPercent(1, 9)))),  # type: ignore[arg-type]
        "denominator",
        "unknown",
    ),
    "no domains": (RouteConfiguration("t", [VirtualHost("h")]), "virtual_hosts[0].domains", "at least one"),
    "a domain twice": (
        RouteConfiguration("t", [VirtualHost("h", ["a"]), VirtualHost("i", ["A"])]),
        "virtual_hosts[1].domains",
        "another virtual host",
    ),
    "no cluster": (table(Route(match=ANY, route=RouteAction())), "route", "names no cluster"),
    "a nameless cluster": (table(Route(match=ANY, route=RouteAction(cluster=""))), "cluster", "no name"),
    "no weight": (
        table(Route(match=ANY, route=RouteAction(weighted_clusters=WeightedMessage()))),
        "weighted_clusters.clusters",
        "sum of the weights",
    ),
    "a cluster by header": (table(Route(match=ANY, route=RouteAction(cluster_header="x"))), "cluster_header", "not su"),
    "a negative timeout": (table(action(timeout=timedelta(-1))), "route.timeout", "negative"),
    "two rewrites": (table(action(prefix_rewrite="/", regex_rewrite=rewrite("a", "b"))), "regex_rewrite", "both"),
    "a group too many": (table(action(regex_rewrite=rewrite("a", r"\1"))), "regex_rewrite", "group"),
    "no pattern": (table(action(regex_rewrite=RegexMatchAndSubstitute())), "regex_rewrite.pattern", "no pattern"),
    "a mirror to nowhere": (
        table(action(request_mirror_policies=[RouteActionRequestMirrorPolicy()])),
        "request_mirror_policies[0].cluster",
        "no name",
    ),
    "a hash of nothing": (table(action(hash_policy=[RouteActionHashPolicy()])), "hash_policy[0]", "nothing to hash"),
    "an unknown retry condition": (retried(on="full-moon"), "retry_on", "full-moon"),
    "a backoff of nothing": (retried(retry_back_off=RetryPolicyRetryBackOff()), "base_interval", "more than zero"),
    "a backoff upside down": (
        retried(retry_back_off=RetryPolicyRetryBackOff(timedelta(seconds=2), timedelta(seconds=1))),
        "max_interval",
        "shorter",
    ),
    "an unknown host predicate": (
        retried(retry_host_predicate=[RetryPolicyRetryHostPredicate("canary")]),
        "retry_host_predicate[0]",
        "canary",
    ),
    "retry in other localities": (retried(retry_priority=b"x"), "retry_priority", "localities"),
    "an unknown redirect code": (
        table(Route(match=ANY, redirect=RedirectAction(response_code=9))),  # type: ignore[arg-type]
        "response_code",
        "unknown",
    ),
    "a strange status": (table(Route(match=ANY, direct_response=DirectResponseAction(99))), "status", "200 to 599"),
    "a long body": (
        table(Route(match=ANY, direct_response=DirectResponseAction(200, DataSource(inline_string=LONG)))),
        "body",
        "longer",
    ),
    "a body in a file": (
        table(Route(match=ANY, direct_response=DirectResponseAction(200, DataSource(filename="/etc/passwd")))),
        "body",
        "inline",
    ),
    "a second request in a header": (added("x-a", "1\r\nHost: b"), "header.value", "CR or LF"),
    "a strange header name": (added("x a", "1"), "header.key", "name of a header"),
    "a nameless header to add": (added("", "1"), "header.key", "no name"),
    "the host as a header": (added("host", "b"), "request_headers_to_add[0]", "may not be modified"),
    "an unknown command": (added("x-a", "%MOON%"), "request_headers_to_add[0]", "not supported"),
    "an unknown filter": (filtered(OTHER), "typed_per_filter_config[x]", "some.Thing"),
    "an abort without status": (filtered(Any.pack(HttpFault(abort=FaultAbort()))), "abort.http_status", "200 to 599"),
    "a delay of nothing": (filtered(Any.pack(HttpFault(delay=FaultDelay()))), "fixed_delay", "more than zero"),
    "a second line in a host": (table(action(host_rewrite_literal="a\nb")), "host_rewrite_literal", "CR or LF"),
    "TLS only": (table(require_tls=1), "require_tls", "not supported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_route_that_cannot_be_honoured_is_refused_with_the_place(case: str) -> None:
    message, field, reason = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        decode(message)
    assert field in refused.value.field
    assert reason in refused.value.reason
