"""Where Envoy answers itself: redirects, direct responses, failures."""

from dataclasses import replace
from typing import Any

from envoy_case import GRPC, TO_UPSTREAM, Ask, Case, one

from meshio.matching import Path, PathPrefix
from meshio.resilience.retry import Retry
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.rewrite import PrefixRewrite, RegexRewrite
from meshio.routing.route import DirectResponse, Forward, Redirect, Route, RouteTable, VirtualHost, WeightedCluster


def redirects() -> list[Case]:
    old = PathPrefix(b"/old")
    table: list[tuple[str, Redirect, Ask, Any]] = [
        ("host", Redirect(host="new.example"), Ask("/a?b=c"), None),
        *(
            (f"status {status}", Redirect(status, host="new.example"), Ask("/a"), None)
            for status in (302, 303, 307, 308)
        ),
        ("host with port", Redirect(host="new.example:8443"), Ask("/a", host="svc:9080"), None),
        ("host keeps port", Redirect(host="new.example"), Ask("/a", host="svc:9080"), None),
        ("https", Redirect(https=True), Ask("/a"), None),
        ("https from 80", Redirect(https=True), Ask("/a", host="svc:80"), None),
        ("https from 8080", Redirect(https=True), Ask("/a", host="svc:8080"), None),
        ("https from 443", Redirect(https=True), Ask("/a", host="svc:443"), None),
        ("https and port", Redirect(https=True, port=8443), Ask("/a", host="svc:80"), None),
        ("https and port 443", Redirect(https=True, port=443), Ask("/a", host="svc"), None),
        ("https and host", Redirect(https=True, host="new.example"), Ask("/a", host="svc:80"), None),
        ("https with ipv6", Redirect(https=True), Ask("/a", host="[::1]:80"), None),
        ("scheme https", Redirect(scheme="https"), Ask("/a", host="svc:80"), None),
        ("scheme http", Redirect(scheme="http"), Ask("/a", host="svc:443"), None),
        ("scheme upper", Redirect(scheme="HTTPS"), Ask("/a", host="svc:80"), None),
        ("scheme other", Redirect(scheme="foo"), Ask("/a", host="svc:80"), None),
        ("port 80", Redirect(port=80), Ask("/a"), None),
        ("port 443", Redirect(port=443), Ask("/a", host="svc:80"), None),
        ("port 8080", Redirect(port=8080), Ask("/a", host="svc:9080"), None),
        ("port with ipv6", Redirect(port=8080), Ask("/a", host="[::1]"), None),
        ("port with ipv6 port", Redirect(port=8080), Ask("/a", host="[::1]:9080"), None),
        ("port and host", Redirect(port=8080, host="new.example"), Ask("/a"), None),
        ("port and host with port", Redirect(port=8080, host="new.example:99"), Ask("/a"), None),
        ("path", Redirect(path="/new"), Ask("/a?b=c"), None),
        ("path with query", Redirect(path="/new?x=y"), Ask("/a?b=c"), None),
        ("path with query, plain request", Redirect(path="/new?x=y"), Ask("/a"), None),
        ("path, strip", Redirect(path="/new", strip_query=True), Ask("/a?b=c"), None),
        ("path with query, strip", Redirect(path="/new?x=y", strip_query=True), Ask("/a?b=c"), None),
        ("strip", Redirect(strip_query=True), Ask("/a?b=c"), None),
        ("strip, plain request", Redirect(strip_query=True, host="h"), Ask("/a"), None),
        ("prefix", Redirect(path_rewrite=PrefixRewrite("/new")), Ask("/old/x?b=c"), old),
        ("prefix to root", Redirect(path_rewrite=PrefixRewrite("/")), Ask("/old/x?b=c"), old),
        ("prefix, whole path", Redirect(path_rewrite=PrefixRewrite("/new")), Ask("/old?b=c"), old),
        ("prefix, strip", Redirect(path_rewrite=PrefixRewrite("/new"), strip_query=True), Ask("/old/x?b=c"), old),
        ("prefix of exact path", Redirect(path_rewrite=PrefixRewrite("/new")), Ask("/old?b=c"), Path(b"/old")),
        ("prefix with query", Redirect(path_rewrite=PrefixRewrite("/new?x=y")), Ask("/old/x?b=c"), old),
        ("regex", Redirect(path_rewrite=RegexRewrite("^/old/(.*)$", r"/new/\1")), Ask("/old/x?b=c"), old),
        ("regex no match", Redirect(path_rewrite=RegexRewrite("^/nope", "/n")), Ask("/old/x?b=c"), old),
        ("regex, strip", Redirect(path_rewrite=RegexRewrite("o", "0"), strip_query=True), Ask("/old/o?o=o"), old),
        ("nothing", Redirect(), Ask("/a"), None),
        ("head", Redirect(host="h"), Ask("/a", "HEAD"), None),
        ("post", Redirect(host="h"), Ask("/a", "POST", body="x=1"), None),
        ("grpc", Redirect(host="h"), Ask("/a", "POST", headers=GRPC), None),
        ("upper case host", Redirect(path="/n"), Ask("/a", host="SVC"), None),
    ]
    found = [Case(name, one(action, match or PathPrefix(b"/")), ask) for name, action, ask, match in table]
    mutated = one(
        Redirect(host="h"),
        response_headers=HeaderMutation((HeaderValue("x-a", "1"), HeaderValue("location", "x")), ("server",)),
    )
    asked = one(
        Redirect(host="h"),
        request_headers=HeaderMutation((HeaderValue("x-a", "1"),)),
        response_headers=HeaderMutation((HeaderValue("x-b", "%REQ(x-a)%|%REQ(:path)%|%PROTOCOL%"),)),
    )
    return [*found, Case("headers added", mutated), Case("request headers unseen", asked)]


def direct_responses() -> list[Case]:
    text = DirectResponse(200, b"hello")
    typed = HeaderMutation((HeaderValue("content-type", "application/json", "overwrite"),))
    appended = HeaderMutation((HeaderValue("content-type", "application/json"),))
    cookies = HeaderMutation((HeaderValue("set-cookie", "a=1"), HeaderValue("set-cookie", "b=2")))
    return [
        *(
            Case(f"{status} with body", one(DirectResponse(status, b"hello")))
            for status in (200, 201, 204, 302, 304, 404, 503)
        ),
        *(
            Case(f"{status} without body", one(DirectResponse(status)))
            for status in (200, 201, 204, 205, 301, 404, 502, 599)
        ),
        Case("201 with query", one(DirectResponse(201, b"made")), Ask("/a/b?c=d", "POST", host="svc:9080")),
        Case("head", one(text), Ask(method="HEAD")),
        Case("post", one(text), Ask(method="POST", body="abc")),
        Case("grpc 200", one(text), Ask(method="POST", headers=GRPC)),
        Case("grpc 503", one(DirectResponse(503, b"down")), Ask(method="POST", headers=GRPC)),
        Case("grpc 404", one(DirectResponse(404)), Ask(method="POST", headers=GRPC)),
        Case("grpc 401 percent", one(DirectResponse(401, 'no % ü\n"x"~'.encode())), Ask(method="POST", headers=GRPC)),
        Case(
            "grpc proto", one(DirectResponse(503, b"down")), Ask(headers=(("content-type", "application/grpc+proto"),))
        ),
        Case("grpc web", one(DirectResponse(503, b"down")), Ask(headers=(("content-type", "application/grpc-web"),))),
        Case("type overwritten", one(text, response_headers=typed)),
        Case("type appended", one(text, response_headers=appended)),
        Case("type removed", one(text, response_headers=HeaderMutation(remove=("content-type",)))),
        Case("type on empty", one(DirectResponse(200), response_headers=typed)),
        Case("cookies", one(text, response_headers=cookies)),
        Case("grpc with headers", one(DirectResponse(503, b"down"), response_headers=cookies), Ask(headers=GRPC)),
    ]


def local_replies() -> list[Case]:
    def to(cluster: str, timeout: float | None = None, **more: Any) -> RouteTable:
        return one(Forward((WeightedCluster(cluster),), timeout, **more))

    fault = {"abort": {"http_status": 418, "percentage": {"numerator": 100}}}
    unavailable = {"abort": {"http_status": 503, "percentage": {"numerator": 100}}}
    again = Retry(frozenset({"5xx", "connect-failure", "reset"}), 1, first_delay=0.001, longest_delay=0.002)
    hasty = Retry(frozenset({"5xx"}), 1, per_try_timeout=0.05, first_delay=0.001, longest_delay=0.002)
    nobody = RouteTable("t", (VirtualHost("v", ("other",), (Route((PathPrefix(b"/"),), TO_UPSTREAM),)),))
    nowhere = one(TO_UPSTREAM, PathPrefix(b"/elsewhere"))
    plain = [
        Case("no virtual host", nobody),
        Case("no route", nowhere),
        Case("no cluster", to("nowhere")),
        Case("no cluster 404", to("nowhere", missing_cluster_status=404)),
        Case("no cluster 500", to("nowhere", missing_cluster_status=500)),
        Case("no host", to("empty")),
        Case("refused", to("refused")),
        Case("refused, retried", to("refused", retry=again)),
        Case("connect timeout", to("slow")),
        Case("connect timeout, retried", to("slow", retry=again)),
        Case("closed", to("up"), reply="close"),
        Case("closed, retried", to("up", retry=again), reply="close"),
        Case("half a head", to("up"), reply="half"),
        Case("garbage", to("up"), reply="garbage"),
        Case("garbage, retried", to("up", retry=again), reply="garbage"),
        Case("timeout", to("up", 0.1), reply="stall"),
        Case("timeout while retrying", to("up", 0.1, retry=again), reply="stall"),
        Case("timeout of every try", to("up", 5.0, retry=hasty), reply="stall"),
        Case("no request allowed", to("norequest")),
        Case("no pending allowed", to("nopending")),
        Case("no connection allowed", to("noconnection"), reply="stall"),
        Case("fault 418", to("up"), per_route=fault),
        Case("fault 503", to("up"), per_route=unavailable),
        Case("direct 503", one(DirectResponse(503, b"x"))),
    ]
    return [
        *plain,
        *(replace(case, name=f"grpc {case.name}", ask=Ask("/a/b", "POST", headers=GRPC)) for case in plain),
        *(replace(case, name=f"head {case.name}", ask=Ask(method="HEAD")) for case in plain[:6]),
        *(replace(case, name=f"mutated {case.name}", table=mutated(case.table)) for case in plain),
    ]


def mutated(table: RouteTable) -> RouteTable:
    """The same table, whose route and table level change response headers."""
    report = HeaderValue("x-added", "%RESPONSE_CODE%|%RESPONSE_FLAGS%|%RESPONSE_CODE_DETAILS%")
    changed = HeaderMutation((report, HeaderValue("server", "mine", "overwrite")), ("content-type",))
    (host,) = table.hosts
    (route,) = host.routes
    hosts = (replace(host, routes=(replace(route, response_headers=changed),)),)
    return replace(table, hosts=hosts, response_headers=HeaderMutation((HeaderValue("x-table", "1"),)))
