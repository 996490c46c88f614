"""Routes that cannot be honoured: each is refused, and the text says where."""

from datetime import timedelta

import pytest

from meshio.errors import Rejected
from meshio.xds.proto.envoy.config.core.v3 import (
    DataSource,
    HeaderValueOption,
    RoutingPriority,
    RuntimeFractionalPercent,
    SubstitutionFormatString,
    TypedExtensionConfig,
)
from meshio.xds.proto.envoy.config.core.v3 import HeaderValue as HeaderMessage
from meshio.xds.proto.envoy.config.route.v3 import (
    Decorator,
    DirectResponseAction,
    HeaderMatcher,
    HedgePolicy,
    InternalRedirectPolicy,
    RedirectAction,
    RetryPolicy,
    RetryPolicyRateLimitedRetryBackOff,
    RetryPolicyResetHeader,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    RetryPolicyRetryPriority,
    Route,
    RouteAction,
    RouteActionHashPolicy,
    RouteActionMaxStreamDuration,
    RouteActionRequestMirrorPolicy,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from meshio.xds.proto.envoy.config.route.v3 import WeightedCluster as WeightedMessage
from meshio.xds.proto.envoy.extensions.filters.common.fault.v3 import FaultDelay
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from meshio.xds.proto.envoy.extensions.retry.priority.previous_priorities.v3 import PreviousPrioritiesConfig
from meshio.xds.proto.envoy.type.matcher.v3 import RegexMatchAndSubstitute, StringMatcher
from meshio.xds.proto.envoy.type.v3 import FractionalPercent
from meshio.xds.proto.google.protobuf import Any, Struct
from tests.xds.routes import ANY, OTHER, TO_A, action, decode, header, regex, rewrite, table, text


def routed(match: RouteMatch) -> RouteConfiguration:
    return table(Route(match=match, route=TO_A))


def added(name: str, value: str) -> RouteConfiguration:
    option = HeaderValueOption(HeaderMessage(name, value))
    return table(Route(match=ANY, route=TO_A, request_headers_to_add=[option]))


def retried(**said: object) -> RouteConfiguration:
    return table(action(retry_policy=RetryPolicy(retry_on=said.pop("on", "5xx"), **said)))  # type: ignore[arg-type]


def filtered(config: Any) -> RouteConfiguration:
    return table(Route(match=ANY, route=TO_A, typed_per_filter_config={"x": config}))


def answer(body: DataSource) -> RouteConfiguration:
    return table(Route(match=ANY, direct_response=DirectResponseAction(200, body)))


def formed(**said: object) -> RouteConfiguration:
    form = SubstitutionFormatString(**said)  # type: ignore[arg-type]
    return table(Route(match=ANY, direct_response=DirectResponseAction(200, body_format=form)))


def followed(**said: object) -> RouteConfiguration:
    return table(action(internal_redirect_policy=InternalRedirectPolicy(**said)))  # type: ignore[arg-type]


LONG = "a" * 5000
REFUSED = {
    "no match": (table(Route(route=TO_A)), "routes[0].match", "no match"),
    "a nameless decorator": (
        table(Route(match=ANY, route=TO_A, decorator=Decorator())),
        "routes[0].decorator.operation",
        "no name",
    ),
    "a decorator of two lines": (
        table(Route(match=ANY, route=TO_A, decorator=Decorator("a\nb"))),
        "decorator.operation",
        "CR or LF",
    ),
    "too many statuses": (
        followed(redirect_response_codes=[301, 302, 303, 307, 308, 309]),
        "response_codes",
        "at most",
    ),
    "a copied header twice": (followed(response_headers_to_copy=["a", "a"]), "response_headers_to_copy", "different"),
    "a copied pseudo-header": (followed(response_headers_to_copy=[":status"]), "response_headers_to_copy", "pseudo"),
    "an unknown predicate": (
        followed(predicates=[TypedExtensionConfig("p", Any("type.googleapis.com/moon.P"))]),
        "predicates[0].typed_config",
        "moon.P",
    ),
    "a predicate of no kind": (followed(predicates=[TypedExtensionConfig("p")]), "predicates[0]", "without a type"),
    "no path": (routed(RouteMatch()), "match", "no path condition"),
    "no action": (table(Route(match=ANY)), "routes[0]", "no action"),
    "a bad regex": (routed(RouteMatch(safe_regex=regex("("))), "match.safe_regex.regex", "not RE2"),
    "a regex that makes a long program": (
        routed(RouteMatch(safe_regex=regex("a" * 40_000))),
        "match.safe_regex.regex",
        "a program of 40004 steps",
    ),
    "a bad header regex": (routed(header(string_match=text(safe_regex=regex("(")))), "string_match.safe_regex", "RE2"),
    "an empty text": (routed(header(string_match=StringMatcher())), "string_match", "no condition"),
    "a nameless header": (routed(RouteMatch(prefix="/", headers=[HeaderMatcher()])), "headers[0].name", "no name"),
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
    "a negative timeout": (table(action(timeout=timedelta(-1))), "route.timeout", "negative"),
    "two rewrites": (table(action(prefix_rewrite="/", regex_rewrite=rewrite("a", "b"))), "regex_rewrite", "both"),
    "a group too many": (table(action(regex_rewrite=rewrite("a", r"\1"))), "regex_rewrite", "group"),
    "no pattern": (table(action(regex_rewrite=RegexMatchAndSubstitute())), "regex_rewrite.pattern", "no pattern"),
    "a mirror to nowhere": (
        table(action(request_mirror_policies=[RouteActionRequestMirrorPolicy()])),
        "request_mirror_policies[0].cluster",
        "must name a cluster",
    ),
    "a hash of nothing": (table(action(hash_policy=[RouteActionHashPolicy()])), "hash_policy[0]", "nothing to hash"),
    "idle back in time": (table(action(idle_timeout=timedelta(-1))), "route.idle_timeout", "negative"),
    "gRPC back in time": (table(action(max_grpc_timeout=timedelta(-1))), "route.max_grpc_timeout", "negative"),
    "an offset back in time": (table(action(grpc_timeout_offset=timedelta(-1))), "grpc_timeout_offset", "negative"),
    "a duration back in time": (
        table(action(max_stream_duration=RouteActionMaxStreamDuration(timedelta(-1)))),
        "max_stream_duration.max_stream_duration",
        "negative",
    ),
    "a caller's time back in time": (
        table(action(max_stream_duration=RouteActionMaxStreamDuration(None, timedelta(-1)))),
        "max_stream_duration.grpc_timeout_header_max",
        "negative",
    ),
    "a caller's offset back in time": (
        table(action(max_stream_duration=RouteActionMaxStreamDuration(None, None, timedelta(-1)))),
        "max_stream_duration.grpc_timeout_header_offset",
        "negative",
    ),
    "a hedge of nothing": (
        table(action(hedge_policy=HedgePolicy(initial_requests=0))),
        "hedge_policy.initial_requests",
        "at least 1",
    ),
    "a hedge of nothing for all": (
        table(hedge_policy=HedgePolicy(initial_requests=0)),
        "hedge_policy.initial_requests",
        "at least 1",
    ),
    "a retry for all that is wrong": (
        table(retry_policy=RetryPolicy(retry_back_off=RetryPolicyRetryBackOff())),
        "base_interval",
        "more than zero",
    ),
    "looks back in time": (
        retried(host_selection_retry_max_attempts=-1),
        "host_selection_retry_max_attempts",
        "negative",
    ),
    "an idle time before now": (
        retried(per_try_idle_timeout=timedelta(seconds=-1)),
        "per_try_idle_timeout",
        "negative",
    ),
    "rate limits without a header": (
        retried(rate_limited_retry_back_off=RetryPolicyRateLimitedRetryBackOff()),
        "reset_headers",
        "names no header",
    ),
    "rate limits by no header": (
        retried(rate_limited_retry_back_off=RetryPolicyRateLimitedRetryBackOff([RetryPolicyResetHeader("a b")])),
        "reset_headers[0].name",
        "not the name",
    ),
    "rate limits of tomorrow": (
        retried(rate_limited_retry_back_off=RetryPolicyRateLimitedRetryBackOff([RetryPolicyResetHeader("a", 7)])),  # type: ignore[arg-type]
        "reset_headers[0].format",
        "unknown",
    ),
    "rate limits without time": (
        retried(
            rate_limited_retry_back_off=RetryPolicyRateLimitedRetryBackOff([RetryPolicyResetHeader("a")], timedelta(0))
        ),
        "max_interval",
        "more than zero",
    ),
    "options of a retry": (retried(retry_options_predicates=[TypedExtensionConfig("x")]), "options", "none"),
    "a longest backoff of nothing": (
        retried(retry_back_off=RetryPolicyRetryBackOff(timedelta(seconds=2), timedelta(0))),
        "max_interval",
        "more than zero",
    ),
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
    "retry in priorities of nobody's": (
        retried(retry_priority=RetryPolicyRetryPriority("full-moon")),
        "retry_priority",
        "full-moon",
    ),
    "retry in other priorities after no try": (
        retried(retry_priority=RetryPolicyRetryPriority("p", Any.pack(PreviousPrioritiesConfig(update_frequency=0)))),
        "retry_priority.update_frequency",
        "more than zero",
    ),
    "no priority": (table(action(priority=RoutingPriority(2))), "priority", "is unknown"),
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
    "a body in a file that is not there": (
        answer(DataSource(filename="/no/such/file")),
        "body.filename",
        "No such file",
    ),
    "a body in an endless file": (answer(DataSource(filename="/dev/zero")), "body.filename", "devices"),
    "a body from nowhere": (answer(DataSource(environment_variable="NO_SUCH_VARIABLE")), "environment_variable", "no"),
    "a body without a source": (answer(DataSource()), "body", "no source"),
    "an unknown command in a body": (
        formed(text_format_source=DataSource(inline_string="%MOON%")),
        "text_format",
        "MOON",
    ),
    "a body of another encoding": (formed(text_format_source=DataSource(inline_bytes=b"\xff")), "source", "UTF-8"),
    "a form of nothing": (formed(), "body_format", "no format"),
    "a type of two lines": (formed(text_format="x", content_type="a\nb"), "content_type", "CR or LF"),
    "an unknown command in JSON": (
        formed(json_format=Struct.from_dict({"a": ["%MOON%"]})),
        "body_format.json_format",
        "MOON",
    ),
    "commands of extensions": (
        formed(text_format="x", formatters=[TypedExtensionConfig("x")]),
        "formatters",
        "extensions",
    ),
    "a second request in a header": (added("x-a", "1\r\nHost: b"), "header.value", "CR or LF"),
    "a strange header name": (added("x a", "1"), "header.key", "name of a header"),
    "a nameless header to add": (added("", "1"), "header.key", "no name"),
    "the host as a header": (added("host", "b"), "request_headers_to_add[0]", "may not be modified"),
    "an unknown command": (added("x-a", "%MOON%"), "request_headers_to_add[0]", "not supported"),
    "an unknown filter": (filtered(OTHER), "typed_per_filter_config[x]", "some.Thing"),
    "an abort without status": (filtered(Any.pack(HttpFault(abort=FaultAbort()))), "abort.http_status", "200 to 599"),
    "a delay of nothing": (filtered(Any.pack(HttpFault(delay=FaultDelay()))), "delay.fixed_delay", "no delay"),
    "a second line in a host": (table(action(host_rewrite_literal="a\nb")), "host_rewrite_literal", "CR or LF"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_route_that_cannot_be_honoured_is_refused_with_the_place(case: str) -> None:
    message, field, reason = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        decode(message)
    assert field in refused.value.field
    assert reason in refused.value.reason
