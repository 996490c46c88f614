"""Situations that Envoy was asked about: our values, the request, and what the upstream does.

`record_envoy.py` translates each into Envoy's configuration, runs it and keeps the answers under
`envoy/*.json`; the tests beside this file hold our functions to those answers. Pure data.
"""

from dataclasses import dataclass, field
from typing import Any

from meshio.matching import Path, PathPrefix
from meshio.resilience.fault import Fraction
from meshio.resilience.retry import Retry
from meshio.routing.listener import PathNormalisation
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.rewrite import (
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import (
    DirectResponse,
    Forward,
    Mirror,
    Redirect,
    Route,
    RouteTable,
    VirtualHost,
    WeightedCluster,
)

GRPC = (("content-type", "application/grpc"),)
TO_UPSTREAM = Forward((WeightedCluster("up"),), timeout=0)


@dataclass(frozen=True)
class Ask:
    """A request, as its client writes it."""

    path: str = "/"
    method: str = "GET"
    host: str = "svc"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True)
class Case:
    """`reply` is what the upstream does: "ok", "close", "half", "garbage", "stall", or raw bytes to send."""

    name: str
    table: RouteTable
    ask: Ask = Ask()
    reply: str = "ok"
    paths: PathNormalisation = PathNormalisation()
    hcm: dict[str, Any] = field(default_factory=dict)
    per_route: dict[str, Any] = field(default_factory=dict)


def one(action: Any, match: Any = PathPrefix(b"/"), **more: Any) -> RouteTable:
    """A table with one route for everybody."""
    return RouteTable("t", (VirtualHost("v", ("*",), (Route((match,), action, name="r", **more),)),))


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


def rewrites() -> list[Case]:
    old = PathPrefix(b"/old")

    def forward(path: Any = None, host: Any = None, entry: Any = None) -> Forward:
        return Forward((WeightedCluster("up", host_rewrite=entry),), None, path_rewrite=path, host_rewrite=host)

    def case(name: str, ask: Ask, action: Forward, match: Any = old) -> Case:
        return Case(name, one(action, match), ask)

    spoken = (("x-envoy-original-path", "/mine"), ("x-envoy-original-host", "mine"))
    return [
        case("prefix", Ask("/old/x?y=z"), forward(PrefixRewrite("/new"))),
        case("prefix to root", Ask("/old/x"), forward(PrefixRewrite("/"))),
        case("prefix to root, exactly", Ask("/old"), forward(PrefixRewrite("/"))),
        case("prefix with slash", Ask("/old/x"), forward(PrefixRewrite("/new")), PathPrefix(b"/old/")),
        case("prefix of exact path", Ask("/old?y=z"), forward(PrefixRewrite("/new")), Path(b"/old")),
        case("prefix without case", Ask("/OLD/x"), forward(PrefixRewrite("/new")), PathPrefix(b"/old", True)),
        case("prefix, original path given", Ask("/old/x", headers=spoken), forward(PrefixRewrite("/new"))),
        case("prefix to itself", Ask("/old/x"), forward(PrefixRewrite("/old"))),
        case("regex", Ask("/old/x?old=x"), forward(RegexRewrite("^/old/(.*)$", r"/new/\1/end"))),
        case("regex everywhere", Ask("/old/old?old=x"), forward(RegexRewrite("old", "new"))),
        case("regex no match", Ask("/old/x?y"), forward(RegexRewrite("^/nope", "/new"))),
        case("regex groups", Ask("/old/a/b"), forward(RegexRewrite("^/old/([^/]+)/([^/]+)$", r"/\2/\1/\0"))),
        case("regex to empty", Ask("/old"), forward(RegexRewrite("^/old$", ""))),
        case("regex to no slash", Ask("/old/x"), forward(RegexRewrite("^/old/", ""))),
        case("regex of empty matches", Ask("/old/o"), forward(RegexRewrite("o*", "0"))),
        case("regex unmatched group", Ask("/old/a"), forward(RegexRewrite("(z)|a", r"<\1>"))),
        case("regex backslash", Ask("/old/x"), forward(RegexRewrite("x", r"a\\b"))),
        case("host literal", Ask("/old"), forward(host=HostLiteral("other.example"))),
        case("host literal with port", Ask("/old", host="svc:9080"), forward(host=HostLiteral("other.example:99"))),
        case("host literal, port given", Ask("/old", host="svc:9080"), forward(host=HostLiteral("other.example"))),
        case(
            "host literal, original host given", Ask("/old", headers=spoken), forward(host=HostLiteral("other.example"))
        ),
        case("host from header", Ask("/old", headers=(("x-to", "there"),)), forward(host=HostFromHeader("x-to"))),
        case("host from absent header", Ask("/old"), forward(host=HostFromHeader("x-to"))),
        case("host from empty header", Ask("/old", headers=(("x-to", ""),)), forward(host=HostFromHeader("x-to"))),
        case("host from path", Ask("/old/there/x?y"), forward(host=HostFromPath("^/old/([^/]+)/.*$", r"\1"))),
        case("host from path no match", Ask("/old/there?y"), forward(host=HostFromPath("^/nope/(.*)$", r"\1"))),
        case(
            "host from rewritten path",
            Ask("/old/there/x"),
            forward(PrefixRewrite("/new"), HostFromPath("^/([^/]+)/.*$", r"\1")),
        ),
        case("host of endpoint", Ask("/old"), Forward((WeightedCluster("dns"),), None, host_rewrite=HostOfEndpoint())),
        case("host of static endpoint", Ask("/old"), forward(host=HostOfEndpoint())),
        case("host of weighted cluster", Ask("/old"), forward(entry=HostLiteral("entry.example"))),
        case(
            "host of both", Ask("/old"), forward(host=HostLiteral("route.example"), entry=HostLiteral("entry.example"))
        ),
        case("host and path", Ask("/old/x"), forward(PrefixRewrite("/new"), HostLiteral("other.example"))),
        case("host same", Ask("/old"), forward(host=HostLiteral("svc"))),
        case("host from own authority", Ask("/old"), forward(host=HostFromHeader(":authority"))),
        Case("attempt count", attempts(one(forward())), Ask("/old")),
        Case("attempt count given", attempts(one(forward())), Ask("/old", headers=(("x-envoy-attempt-count", "7"),))),
        Case("timeout", one(Forward((WeightedCluster("up"),), 2.5))),
        Case("timeout below a millisecond", one(Forward((WeightedCluster("up"),), 0.0015))),
    ]


def attempts(table: RouteTable) -> RouteTable:
    (host,) = table.hosts
    return RouteTable("t", (VirtualHost("v", ("*",), host.routes, attempt_count=True),))


def levels(specific: bool, **more: HeaderMutation) -> RouteTable:
    """Mutations of the same header at all four levels."""

    def both(level: str) -> dict[str, HeaderMutation]:
        change = more.get(level) or HeaderMutation(
            (
                HeaderValue("x-over", level, "overwrite"),
                HeaderValue("x-app", level),
                HeaderValue("x-abs", level, "add_if_absent"),
            )
        )
        return {"request_headers": change, "response_headers": change}

    entry = WeightedCluster("up", **both("entry"))
    route = Route((PathPrefix(b"/"),), Forward((entry,), None), name="r", **both("route"))
    host = VirtualHost("v", ("*",), (route,), **both("host"))
    return RouteTable("t", (host,), most_specific_wins=specific, **both("table"))


COMMANDS = (
    "%REQ(x-in)%", "%REQ(x-none)%", "a%REQ(x-none)%b", "%REQ(x-none?x-in)%", "%REQ(x-in):2%", "%REQ(X-In)%",
    "%REQ(:authority)%", "%REQ(:path)%", "%REQ(:method)%", "%REQ(:scheme)%", "%REQ(x-envoy-original-path?:path)%",
    "%PROTOCOL%", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
    "%UPSTREAM_CLUSTER%", "%UPSTREAM_CLUSTER_RAW%", "%UPSTREAM_HOST%", "%UPSTREAM_REMOTE_ADDRESS%",
    "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%UPSTREAM_REMOTE_PORT%", "%RESP(x-up)%", "%RESP(x-none)%",
    "%RESPONSE_CODE%", "%RESPONSE_FLAGS%", "%RESPONSE_CODE_DETAILS%", "%ROUTE_NAME%",
    "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "100%%", "%REQ(x-two)%", "%REQUEST_HEADER(x-in)%", "%RESPONSE_HEADER(x-up)%",
)  # fmt: skip


def commands() -> RouteTable:
    change = HeaderMutation(tuple(HeaderValue(f"x-c{at}", text, keep_empty=True) for at, text in enumerate(COMMANDS)))
    return one(Forward((WeightedCluster("up"),), None), request_headers=change, response_headers=change)


NAMES = (
    "accept", "accept-encoding", "accept-language", "access-control-allow-origin", "age", "authorization", "cache-control",
    "content-encoding", "content-type", "cookie", "etag", "expires", "forwarded", "grpc-message", "grpc-timeout", "if-none-match", "last-modified",
    "link", "location", "origin", "range", "referer", "retry-after", "server", "set-cookie", "traceparent", "user-agent", "vary", "via",
    "www-authenticate", "x-custom", "x-envoy-decorator-operation", "x-forwarded-host", "x-forwarded-port", "x-b3-traceid",
)  # fmt: skip
ONCE = HeaderMutation(tuple(HeaderValue(name, "new") for name in NAMES))


def mutations() -> list[Case]:
    given = Ask(
        "/p?q=1", headers=(("x-in", "value"), ("x-in", "second"), ("x-two", "a"), ("x-two", "b"), ("x-cut", "gone"))
    )
    answered = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-up: from-up\r\nx-in: r1\r\nx-in: r2\r\nx-cut: gone\r\n\r\nok"

    def case(name: str, *add: HeaderValue, remove: tuple[str, ...] = ()) -> Case:
        change = HeaderMutation(add, remove)
        return Case(
            name,
            one(Forward((WeightedCluster("up"),), None), request_headers=change, response_headers=change),
            given,
            answered,
        )

    removed = {
        "entry": HeaderMutation(remove=("x-lvl",)),
        "route": HeaderMutation((HeaderValue("x-lvl", "route"),)),
        "host": HeaderMutation((HeaderValue("x-lvl", "host"),), ("x-lvl",)),
        "table": HeaderMutation((HeaderValue("x-lvl", "table"),)),
    }
    return [
        Case("levels", levels(False), given, answered),
        Case("levels, most specific wins", levels(True), given, answered),
        Case("levels with removal", levels(False, **removed), given, answered),
        Case("levels with removal, most specific wins", levels(True, **removed), given, answered),
        Case("commands", commands(), given, answered),
        case("append", HeaderValue("x-in", "third"), HeaderValue("x-new", "n")),
        case("overwrite", HeaderValue("x-in", "only", "overwrite"), HeaderValue("x-new", "n", "overwrite")),
        case(
            "overwrite if exists",
            HeaderValue("x-in", "only", "overwrite_if_exists"),
            HeaderValue("x-new", "n", "overwrite_if_exists"),
        ),
        case("add if absent", HeaderValue("x-in", "no", "add_if_absent"), HeaderValue("x-new", "n", "add_if_absent")),
        case(
            "add if absent twice",
            HeaderValue("x-new", "1", "add_if_absent"),
            HeaderValue("x-new", "2", "add_if_absent"),
        ),
        case("append then overwrite", HeaderValue("x-new", "1"), HeaderValue("x-new", "2", "overwrite")),
        case("overwrite twice", HeaderValue("x-new", "1", "overwrite"), HeaderValue("x-new", "2", "overwrite")),
        case("overwrite then append", HeaderValue("x-new", "1", "overwrite"), HeaderValue("x-new", "2")),
        case(
            "overwrite then absent", HeaderValue("x-new", "1", "overwrite"), HeaderValue("x-new", "2", "add_if_absent")
        ),
        case("removed and added", HeaderValue("x-cut", "back"), remove=("x-cut",)),
        case("removed and read", HeaderValue("x-read", "<%REQ(x-cut)%%RESP(x-cut)%>"), remove=("x-cut",)),
        case(
            "read what was overwritten",
            HeaderValue("x-in", "new", "overwrite"),
            HeaderValue("x-read", "<%REQ(x-in)%%RESP(x-in)%>"),
        ),
        case("remove absent", remove=("x-absent",)),
        case("empty", HeaderValue("x-new", ""), HeaderValue("x-in", "", "overwrite")),
        case(
            "empty kept",
            HeaderValue("x-new", "", keep_empty=True),
            HeaderValue("x-in", "", "overwrite", keep_empty=True),
        ),
        case(
            "formats to empty", HeaderValue("x-new", "%REQ(x-none)%"), HeaderValue("x-in", "%REQ(x-none)%", "overwrite")
        ),
        case("upper case name", HeaderValue("X-New", "n")),
        case("no space around", HeaderValue("x-new", " n ")),
        case("several commands", HeaderValue("x-new", "%REQ(:method)% %REQ(:path)% at %REQ(:authority)%")),
        case("server removed", HeaderValue("server", "mine", "overwrite"), remove=("date",)),
        Case(
            "append to what Envoy stores once",
            one(Forward((WeightedCluster("up"),), None), request_headers=ONCE, response_headers=ONCE),
            Ask(headers=tuple((each.name, "old") for each in ONCE.add)),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
            + "".join(f"{each.name}: old\r\n" for each in ONCE.add)
            + "\r\nok",
        ),
        case("hop by hop", HeaderValue("connection", "close"), HeaderValue("content-type", "text/x", "overwrite")),
    ]


CLEAN = (
    "/",
    "/a/b",
    "/a/b/",
    "/a?b=c",
    "/a.b/c",
    "/a..b",
    "/.a",
    "/...",
    "/a%20b",
    "/a;b",
    "/a,b:c@d",
    "/a?x=%2F//..%5C",
)
DIRTY = (
    "//", "//a", "/a//b", "/a///b//", "/a//?b//c", "/.", "/./", "/./a", "/a/./b", "/a/.", "/a/..", "/a/../", "/a/../b",
    "/a/b/../../c", "/..", "/../", "/../a", "/../../a", "/a/../../b", "/a//../b", "/a/..//b", "//../a", "/..;/x", "/.;/x", "/a;/../b",
    "/a/..;/b", "/a/.;x/b", "/a/...;/b", "/%41%62", "/%7e", "/%7E%2d%5f%2e", "/a%2eb", "/%2e", "/%2e%2e", "/a/%2e/b", "/a/%2e%2e/b",
    "/a/%2E%2E/b", "/a/.%2e/b", "/a%2fb", "/a%2Fb", "/a%2f%2fb", "/a%5cb", "/a%5Cb", "/a\\b", "/a\\..\\b", "\\a", "/\\a", "/a/%2e%2e%2fb",
    "/a%2f..%2fb", "/a%2f../b", "/a%5c..%5cb", "/a%00b", "/a%0ab", "/a%", "/a%2", "/a%zz", "/a%zz/../b", "/%25", "/%252f", "/%25%32%66", "/a%25b",
    "/a#b", "/a?b#c", "#a", "/a?", "/a??b", "/a//b?c//d", "/a/../b?c/../d", "/a%2fb?c%2fd", "/a%3fb", "/a%3Fb=c", "/a%23b",
    "/%c3%a9", "/%C3%a9", "/\xc3\xa9", "/a\"b", "/a<b>", "/a{b}", "/a|b", "/a^b`", "/a'b", "/a!$&()*+=", "/a%21%24", "/a%3b", "/a%7c",
    "/a%2D", "/a+b", "/a%2Bb", "/a/b/.%2E/", "/a%2e%2e/b", "/%2f", "/%2F%2F", "/%5c", "/a/%2f/b", "/a/%2f..", "a/b", "*", "/a/b/..;", "/a/b/..;x", "/a/b/.;",
    "/a/b/.;x", "/a/%2e;x/b", "/a/.%3b/b", "/a/..%3b/b", "/a;x/..;y/b", "/a/b/..;x/../c", "/a/.;\\..\\b", "/a/..;\\b", "/a/b\\..", "/a/;../b",
    "/x!$&'()*+,-.0:;<=>@A[\\]^_`a{|}~\"", "/" + "".join(f"%{code:02x}" for code in range(1, 256)),
    "/a/./../b", "/a/.../b", "/a/..../b", "/a/.b/..c", "/a/b/.", "/%2E%2e/", "/a/%2e.", "/.%00", "/a%5C%5c..", "/a?", "/a//b/../c//..",
)  # fmt: skip
NORMALISATIONS = {
    "off": PathNormalisation(),
    "normalize": PathNormalisation(True),
    "merge": PathNormalisation(False, True),
    "normalize and merge": PathNormalisation(True, True),
    "reject": PathNormalisation(True, False, "reject"),
    "redirect": PathNormalisation(True, False, "redirect"),
    "forward": PathNormalisation(True, False, "forward"),
    "redirect and merge": PathNormalisation(True, True, "redirect"),
    "forward and merge": PathNormalisation(True, True, "forward"),
    "only reject": PathNormalisation(False, False, "reject"),
    "only redirect": PathNormalisation(False, False, "redirect"),
    "only forward": PathNormalisation(False, False, "forward"),
}


def paths() -> list[Case]:
    """Named "<normalisation> <path>"."""
    table = one(TO_UPSTREAM)
    return [
        Case(f"{name} {path}", table, Ask(path), paths=paths)
        for name, paths in NORMALISATIONS.items()
        for path in (*CLEAN, *DIRTY)
        if path
    ] + [
        Case("grpc reject /a%2fb", table, Ask("/a%2fb", headers=GRPC), paths=NORMALISATIONS["reject"]),
        Case("grpc redirect /a%2fb", table, Ask("/a%2fb", headers=GRPC), paths=NORMALISATIONS["redirect"]),
        Case("post redirect /a%2fb", table, Ask("/a%2fb", "POST", body="x"), paths=NORMALISATIONS["redirect"]),
        Case("head reject /a%2fb", table, Ask("/a%2fb", "HEAD"), paths=NORMALISATIONS["reject"]),
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
    grpc = [
        Case(f"grpc {case.name}", case.table, Ask("/a/b", "POST", headers=GRPC), case.reply, per_route=case.per_route)
        for case in plain
    ]
    heads = [
        Case(f"head {case.name}", case.table, Ask(method="HEAD"), case.reply, per_route=case.per_route)
        for case in plain[:6]
    ]
    changed = HeaderMutation(
        (
            HeaderValue("x-added", "%RESPONSE_CODE%|%RESPONSE_FLAGS%|%RESPONSE_CODE_DETAILS%"),
            HeaderValue("server", "mine", "overwrite"),
        ),
        ("content-type",),
    )
    mutated = [
        Case(f"mutated {case.name}", RouteTable("t", tuple(VirtualHost(host.name, host.domains, tuple(
            Route(route.match, route.action, response_headers=changed) for route in host.routes
        )) for host in case.table.hosts), response_headers=HeaderMutation((HeaderValue("x-table", "1"),))), reply=case.reply, per_route=case.per_route)
        for case in plain
    ]  # fmt: skip
    return [*plain, *grpc, *heads, *mutated]


def mirrors() -> list[Case]:
    def case(name: str, ask: Ask, *mirrors: Mirror, **more: Any) -> Case:
        return Case(name, one(Forward((WeightedCluster("up"),), None, mirrors=mirrors, **more)), ask)

    shadow = Mirror("shadow")
    return [
        case("plain", Ask("/a?b=c"), shadow),
        case("port", Ask("/a", host="svc:9080"), shadow),
        case("ipv6", Ask("/a", host="[::1]:9080"), shadow),
        case("ipv6 without port", Ask("/a", host="[::1]"), shadow),
        case("address", Ask("/a", host="10.0.0.1:9080"), shadow),
        case("no suffix", Ask("/a", host="svc:9080"), Mirror("shadow", host_suffix=False)),
        case("never", Ask("/a"), Mirror("shadow", Fraction(0))),
        case("no such cluster", Ask("/a"), Mirror("nowhere")),
        case("body", Ask("/a", "POST", body="hello"), shadow),
        case("rewritten", Ask("/a"), shadow, path_rewrite=PrefixRewrite("/b/"), host_rewrite=HostLiteral("other")),
        Case(
            "retried",
            one(Forward((WeightedCluster("up"),), None, mirrors=(shadow,), retry=Retry(frozenset({"5xx"}), 1))),
            reply="close",
        ),
        Case("timeout", one(Forward((WeightedCluster("up"),), 2.0, mirrors=(shadow,)))),
    ]


GROUPS = {
    "redirects": redirects, "direct_responses": direct_responses, "rewrites": rewrites, "mutations": mutations,
    "paths": paths, "local_replies": local_replies, "mirrors": mirrors,
}  # fmt: skip
