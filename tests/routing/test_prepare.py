"""Preparing requests and responses. What changes, and in which order: tests/parity/cases/{mutations,rewrites}.yaml."""

import pytest

from meshio.errors import Rejected
from meshio.message import Request
from meshio.routing.commands import Known
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.prepare import prepare_request, prepare_response, prepare_retry
from meshio.routing.rewrite import HostFromPath, RegexRewrite
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster


def route_of(action=None, **more):
    route = Route((), action or Forward((WeightedCluster("up"),), None), **more)
    host = VirtualHost("v", ("*",), (route,))
    return RouteTable("t", (host,)), host, route


def test_a_route_that_asks_for_nothing_costs_nothing():
    parts = route_of()
    assert prepare_request(*parts, WeightedCluster("up"), Known("r", "up")) is None
    assert prepare_response(*parts, WeightedCluster("up"), Known("r", "up")) is None
    assert prepare_retry(parts[1], Forward((WeightedCluster("up"),), None), lambda: 0.0) is None


def test_the_second_attempt_says_so():
    host = VirtualHost("v", ("*",), (), attempt_count=True)
    request = Request(b"GET", b"svc", b"/a", [])
    request.headers = [(b"x-envoy-attempt-count", b"1")]
    request.record.attempts = 1
    prepare_retry(host, Forward((WeightedCluster("up"),), None), lambda: 0.0)(request)
    assert request.headers == [(b"x-envoy-attempt-count", b"2")]


def test_a_retry_tells_the_upstream_how_much_time_is_left():
    """Envoy 1.40: 1000 ms, then 966 and 921 after pauses of 34 and 45 ms; never less than nothing."""
    now = 10.0
    prepare = prepare_retry(VirtualHost("v", ("*",), ()), Forward((WeightedCluster("up"),), 1.0), lambda: now)
    request = Request(b"GET", b"svc", b"/a", [])
    request.headers, request.deadline = [(b"x-envoy-expected-rq-timeout-ms", b"1000")], 11.0
    prepare(request)
    assert request.headers == [(b"x-envoy-expected-rq-timeout-ms", b"1000")]
    request.record.attempts, now = 1, 10.034
    prepare(request)
    assert request.headers == [(b"x-envoy-expected-rq-timeout-ms", b"966")]
    now = 12.0
    prepare(request)
    assert request.headers == [(b"x-envoy-expected-rq-timeout-ms", b"1")]


@pytest.mark.parametrize(
    "value",
    [
        *("%NO_SUCH_COMMAND%", "%START_TIME(%n)%", "%PROTOCOL:4%", "%PATH(XQ)%", "%UPSTREAM_PEER_CERT%", "%REQ%"),
        *("%REQ(a?b?c)%", "100%", "%REQ(x", "%RESP()%", "%GRPC_STATUS:2%", "%FILTER_STATE()%"),
    ],
)
def test_a_command_that_cannot_be_honoured_is_rejected_when_it_is_read(value):
    with pytest.raises(Rejected, match="x-a"):
        HeaderValue("x-a", value)


@pytest.mark.parametrize("name", [":path", "host", "Host", ":authority"])
def test_pseudo_headers_are_not_for_mutations(name):
    with pytest.raises(Rejected, match="may not be modified"):
        HeaderValue(name, "x")
    with pytest.raises(Rejected, match="may not be modified"):
        HeaderMutation(remove=(name,))


@pytest.mark.parametrize("rewrite", [RegexRewrite, HostFromPath])
def test_a_malformed_rewrite_is_rejected_when_it_is_read(rewrite):
    with pytest.raises(Rejected, match="not an RE2 regex"):
        rewrite("(", "")
    with pytest.raises(Rejected, match="no group"):
        rewrite("a", r"\1")
