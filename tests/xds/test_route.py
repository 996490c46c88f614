"""Routes: what each part becomes."""

from datetime import timedelta
from pathlib import Path as FilePath

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
from meshio.resilience.back_off import RateLimited, ResetHeader
from meshio.resilience.fault import Fraction
from meshio.resilience.retry import Retry
from meshio.resilience.streams import StreamDuration
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.rewrite import (
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import DirectResponse, Forward, Mirror, Redirect, WeightedCluster
from meshio.xds.proto.envoy.config.core.v3 import DataSource, HeaderValueOption
from meshio.xds.proto.envoy.config.core.v3 import HeaderValue as HeaderMessage
from meshio.xds.proto.envoy.config.route.v3 import (
    Decorator,
    DirectResponseAction,
    HeaderMatcher,
    HedgePolicy,
    RedirectAction,
    RetryPolicy,
    RetryPolicyRateLimitedRetryBackOff,
    RetryPolicyResetHeader,
    RetryPolicyRetryBackOff,
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
)
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher
from meshio.xds.proto.envoy.type.v3 import Int64Range
from tests.xds.routes import (
    ANY,
    CHANCE,
    POLICY,
    PREFIX,
    TO_A,
    WEIGHTS,
    action,
    decode,
    header,
    only_route,
    query,
    regex,
    rewrite,
    table,
    text,
)

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
    "query absent": (query(present_match=False), (PREFIX, QueryPresent(b"q", False))),
    "query without condition": (query(), (PREFIX, QueryPresent(b"q"))),
    "a prefix of nothing": (RouteMatch(prefix=""), (PathPrefix(b""),)),
    "an exact header of nothing": (header(string_match=text(exact="")), (PREFIX, Header(b"x-a", Exact(b"")))),
    "a range upside down": (header(range_match=Int64Range(5, 1)), (PREFIX, HeaderRange(b"x-a", 5, 1))),
}


@pytest.mark.parametrize("case", MATCHES)
def test_each_condition_becomes_its_matcher(case: str) -> None:
    message, expected = MATCHES[case]
    assert only_route(table(Route(match=message, route=TO_A))).match == expected


A = (WeightedCluster("a"),)
RETRY = Retry(
    frozenset({"5xx", "retriable-status-codes", "retriable-headers"}),
    3,
    frozenset({409, 429}),
    2.0,
    0.1,
    1.0,
    True,
    5,
    1024 * 1024,
)
ACTIONS = {
    "no timeout said": (action(), Forward(A, 15.0)),
    "timeout 0": (action(timeout=timedelta(0)), Forward(A, None)),
    "timeout": (action(timeout=timedelta(milliseconds=1500)), Forward(A, 1.5)),
    "stream duration alone": (
        action(max_stream_duration=RouteActionMaxStreamDuration(timedelta(seconds=3), timedelta(0))),
        Forward(A, None, duration=StreamDuration(3.0, 0.0)),
    ),
    "a stream duration hides the timeout": (
        action(
            timeout=timedelta(1), max_stream_duration=RouteActionMaxStreamDuration(None, None, timedelta(seconds=3))
        ),
        Forward(A, None, duration=StreamDuration(None, None, 3.0)),
    ),
    "grpc timeout with offset": (
        action(max_grpc_timeout=timedelta(0), grpc_timeout_offset=timedelta(seconds=2)),
        Forward(A, max_grpc_timeout=0.0, grpc_offset=2.0),
    ),
    "idle": (action(idle_timeout=timedelta(0)), Forward(A, idle_timeout=0.0)),
    "grpc timeout": (action(max_grpc_timeout=timedelta(seconds=1)), Forward(A, max_grpc_timeout=1.0)),
    "retry": (action(retry_policy=POLICY), Forward(A, retry=RETRY)),
    "retry on nothing": (action(retry_policy=RetryPolicy(num_retries=3)), Forward(A)),
    "no retries": (
        action(retry_policy=RetryPolicy(retry_on="5xx,full-moon", num_retries=0)),
        Forward(A, retry=Retry(frozenset({"5xx"}), 0)),
    ),
    "a time for each try": (
        action(
            retry_policy=RetryPolicy(per_try_timeout=timedelta(seconds=2), per_try_idle_timeout=timedelta(seconds=1))
        ),
        Forward(A, retry=Retry(frozenset(), per_try_timeout=2.0, per_try_idle=1.0)),
    ),
    "hedges": (
        action(
            retry_policy=RetryPolicy(retry_on="5xx"), hedge_policy=HedgePolicy(1, None, hedge_on_per_try_timeout=True)
        ),
        Forward(A, retry=Retry(frozenset({"5xx"}), hedged=True)),
    ),
    "headers to retry for": (
        action(
            retry_policy=RetryPolicy(
                retry_on="retriable-headers",
                retriable_headers=[HeaderMatcher("X-A", present_match=True)],
                retriable_request_headers=[HeaderMatcher(":method", string_match=StringMatcher(exact="GET"))],
            )
        ),
        Forward(
            A,
            retry=Retry(
                frozenset({"retriable-headers"}),
                headers=(HeaderPresent(b"x-a"),),
                requests=(Header(b":method", Exact(b"GET")),),
            ),
        ),
    ),
    "rate limits": (
        action(
            retry_policy=RetryPolicy(
                retry_on="5xx",
                rate_limited_retry_back_off=RetryPolicyRateLimitedRetryBackOff(
                    [RetryPolicyResetHeader("Retry-After"), RetryPolicyResetHeader("x-reset", 1)],  # type: ignore[arg-type]
                    timedelta(seconds=9),
                ),
            )
        ),
        Forward(
            A,
            retry=Retry(
                frozenset({"5xx"}),
                rate_limited=RateLimited((ResetHeader(b"retry-after"), ResetHeader(b"x-reset", "at")), 9.0),
            ),
        ),
    ),
    "delays of less than a millisecond": (
        action(
            retry_policy=RetryPolicy(
                retry_on="5xx", retry_back_off=RetryPolicyRetryBackOff(timedelta(microseconds=1), timedelta(seconds=1))
            )
        ),
        Forward(A, retry=Retry(frozenset({"5xx"}), first_delay=0.001, longest_delay=1.0)),
    ),
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


@pytest.mark.parametrize(
    ("said", "name", "shown"),
    [(None, "", True), (Decorator("op"), "op", True), (Decorator("op", True), "op", True),
     (Decorator("op", False), "op", False)],
)  # fmt: skip
def test_a_route_has_the_name_that_tracing_gives_it(said: Decorator | None, name: str, shown: bool) -> None:
    route = only_route(table(Route(match=ANY, route=TO_A, decorator=said)))
    assert (route.decorator, route.decorates) == (name, shown)


def test_attempts_are_counted_for_both_ends() -> None:
    host = VirtualHost("h", ["*"], [action()], include_attempt_count_in_response=True)
    assert decode(RouteConfiguration("t", [host])).hosts[0].answers_attempt_count


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


def test_a_body_may_be_elsewhere(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "body").write_text("from a file")
    monkeypatch.setenv("MESHIO_TEST_BODY", "from the environment")
    file, variable = DataSource(filename=str(tmp_path / "body")), DataSource(environment_variable="MESHIO_TEST_BODY")
    for source, body in ((file, b"from a file"), (variable, b"from the environment")):
        route = only_route(table(Route(match=ANY, direct_response=DirectResponseAction(200, source))))
        assert route.action == DirectResponse(200, body)
    (tmp_path / "body").write_text("a" * 5000)
    with pytest.raises(Rejected, match="longer than allowed"):
        decode(table(Route(match=ANY, direct_response=DirectResponseAction(200, file))))
