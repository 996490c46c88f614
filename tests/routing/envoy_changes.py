"""What Envoy changes on the way: rewrites, header mutations, shadow requests."""

from typing import Any

from envoy_case import Ask, Case, one

from meshio.matching import Path, PathPrefix
from meshio.resilience.fault import Fraction
from meshio.resilience.retry import Retry
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.rewrite import (
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import Forward, Mirror, Route, RouteTable, VirtualHost, WeightedCluster


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


NAMES = """
    accept accept-encoding accept-language access-control-allow-origin age authorization cache-control
    content-encoding content-type cookie etag expires forwarded grpc-message grpc-timeout if-none-match
    last-modified link location origin range referer retry-after server set-cookie traceparent user-agent
    vary via www-authenticate x-custom x-envoy-decorator-operation x-forwarded-host x-forwarded-port
    x-b3-traceid
""".split()
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
