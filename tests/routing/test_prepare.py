"""What leaves and what comes back: mutations and rewrites, held to what Envoy's upstream and client saw."""

import pytest
from recorded import entry_of, load, only_route, plain, recorded_head, recorded_sent, request_of, sent

from meshio.errors import Rejected
from meshio.message import Body, Response
from meshio.routing.commands import Known
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.prepare import prepare_request, prepare_response, prepare_retry
from meshio.routing.rewrite import HostFromPath, HostOfEndpoint, RegexRewrite, rehost
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster


def prepared(case):
    request = request_of(case.ask)
    before = list(request.headers), request.headers
    prepare = prepare_request(*only_route(case.table), entry_of(case.table), Known("r", "up"))
    if prepare is not None:
        prepare(request)
    assert before[1] == before[0], "the caller's own list was changed"
    return request


@pytest.mark.parametrize(
    ("case", "told"), load("rewrites") + load("mutations"), ids=lambda value: getattr(value, "name", "")
)
def test_the_upstream_sees_what_it_sees_behind_envoy(case, told):
    request = prepared(case)
    if isinstance(only_route(case.table)[2].action.host_rewrite, HostOfEndpoint) and entry_of(case.table).name == "dns":
        rehost(request, b"localhost")
    assert sent(request) == recorded_sent(told["seen"][0])


@pytest.mark.parametrize(("case", "told"), load("mutations"), ids=lambda value: getattr(value, "name", ""))
def test_the_caller_sees_what_it_sees_behind_envoy(case, told):
    request = prepared(case)
    record = request.record
    record.attempts, record.endpoint, record.route, record.details = 1, "127.0.0.1:<up>", "r", "via_upstream"
    response = Response(200, upstream_headers(case.reply), Body(b"ok"), record)
    prepare = prepare_response(*only_route(case.table), entry_of(case.table), Known("r", "up"))
    if prepare is not None:
        prepare(request, response)
    ours = [pair for pair in plain(response.headers) if pair[0] != "server"]
    assert ours == [pair for pair in recorded_head(told["answer"])[1] if pair[0] != "server"]


def upstream_headers(reply):
    """The header lines of a case's reply; the plain "ok" has but a length."""
    lines = reply.split("\r\n\r\n")[0].split("\r\n")[1:] if ":" in reply else ["content-length: 2"]
    return [tuple(part.encode() for part in line.split(": ")) for line in lines]


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
    request = request_of(load("redirects")[0][0].ask)
    request.headers = [(b"x-envoy-attempt-count", b"1")]
    request.record.attempts = 1
    prepare_retry(host, Forward((WeightedCluster("up"),), None), lambda: 0.0)(request)
    assert request.headers == [(b"x-envoy-attempt-count", b"2")]


def test_a_retry_tells_the_upstream_how_much_time_is_left():
    """Envoy 1.40: 1000 ms, then 966 and 921 after pauses of 34 and 45 ms; never less than nothing."""
    now = 10.0
    prepare = prepare_retry(VirtualHost("v", ("*",), ()), Forward((WeightedCluster("up"),), 1.0), lambda: now)
    request = request_of(load("redirects")[0][0].ask)
    request.headers, request.deadline = [(b"x-envoy-expected-rq-timeout-ms", b"1000")], 11.0
    prepare(request)
    assert request.headers == [(b"x-envoy-expected-rq-timeout-ms", b"1000")]
    request.record.attempts, now = 1, 10.034
    prepare(request)
    assert request.headers == [(b"x-envoy-expected-rq-timeout-ms", b"966")]
    now = 12.0
    prepare(request)
    assert request.headers == [(b"x-envoy-expected-rq-timeout-ms", b"0")]


@pytest.mark.parametrize(
    "value",
    [
        *("%NO_SUCH_COMMAND%", "%START_TIME(%n)%", "%PROTOCOL:4%", "%PATH(XQ)%", "%DOWNSTREAM_PEER_CERT%", "%REQ%"),
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
