"""Which virtual host and which route a request meets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import NoRoute
from meshio.matching import BarePath, Exact, Path, PathPrefix, PathRegex, PathSeparatedPrefix
from meshio.matching.inputs import HeaderInput
from meshio.matching.tree import Asked, InTurn, Leaf
from meshio.message import Request
from meshio.routing.route import DirectResponse, Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.routing.router import compile_router, trace_route


def answer(name, *match):
    return Route(match, DirectResponse(200), name=name)


def host(name, *domains):
    return VirtualHost(name, domains, (answer(name),))


def ask(authority=b"svc", path=b"/"):
    return Request(b"GET", authority, path, [])


def found(table, request):
    return compile_router(table, lambda table, host, route: route.name)(request)


DOMAINS = RouteTable(
    "t",
    (
        host("any", "*"),
        host("exact", "api.example.com"),
        host("suffix", "*.example.com"),
        host("longer suffix", "*.api.example.com"),
        host("dashed suffix", "*-x.example.com"),
        host("prefix", "api.*"),
        host("longer prefix", "api.example.*"),
        host("dotted", "svc.example.org."),
        host("ipv6", "[2001:db8::1]"),
    ),
)


@pytest.mark.parametrize(
    ("authority", "winner"),
    [
        (b"api.example.com", "exact"),
        (b"API.Example.COM", "exact"),
        (b"www.example.com", "suffix"),
        (b"a.b.example.com", "suffix"),
        (b"v1.api.example.com", "longer suffix"),
        (b"a-x.example.com", "dashed suffix"),
        (b"-x.example.com", "suffix"),
        (b".example.com", "any"),
        (b"example.com", "any"),
        (b"api.org", "prefix"),
        (b"api.", "any"),
        (b"api.example.org", "longer prefix"),
        (b"svc.example.org.", "dotted"),
        (b"svc.example.org", "any"),
        (b"[2001:db8::1]", "ipv6"),
        (b"[2001:DB8::1]", "ipv6"),
        (b"api.example.com:80", "longer prefix"),
        (b"", "any"),
    ],
)
def test_the_most_specific_domain_wins(authority, winner):
    assert found(DOMAINS, ask(authority)) == winner


@pytest.mark.parametrize(
    ("authority", "winner"),
    [
        (b"svc:9080", "svc"),
        (b"svc", "svc"),
        (b"SVC:1", "svc"),
        (b"[::1]:9080", "v6"),
        (b"[::1]", "v6"),
        (b"other:80", "any"),
        (b"a.tail:80", "tail"),
    ],
)
def test_a_port_is_ignored_when_the_table_says_so(authority, winner):
    hosts = (host("with port", "other:80", "svc:9080"), host("svc", "svc"), host("v6", "[::1]"), host("tail", "*.tail"))
    assert found(RouteTable("t", (*hosts, host("any", "*")), ignore_port=True), ask(authority)) == winner


def test_a_port_counts_when_the_table_does_not_ignore_it():
    table = RouteTable("t", (host("with port", "svc:9080"), host("bare", "svc")))
    assert found(table, ask(b"svc:9080")) == "with port"
    assert found(table, ask(b"svc")) == "bare"
    with pytest.raises(NoRoute):
        found(table, ask(b"svc:80"))


def test_of_two_equal_domains_the_first_wins():
    assert found(RouteTable("t", (host("first", "svc"), host("second", "SVC"))), ask()) == "first"


def table_of(*routes):
    return RouteTable("t", (VirtualHost("v", ("*",), routes),))


def test_the_first_matching_route_wins_and_exact_paths_keep_their_place():
    table = table_of(
        answer("prefix first", PathPrefix(b"/a/")),
        answer("exact", Path(b"/b")),
        answer("exact again", Path(b"/b")),
        answer("hidden", Path(b"/a/x")),
        answer("ignoring case", Path(b"/C", True)),
        answer("exact behind", Path(b"/c")),
        answer("rest", PathPrefix(b"/")),
    )
    paths = {
        b"/a/x": "prefix first",
        b"/b": "exact",
        b"/b?a=b?c": "exact",
        b"/b/": "rest",
        b"/c": "ignoring case",
        b"/": "rest",
    }
    assert {path: found(table, ask(path=path)) for path in paths} == paths


def test_the_error_says_whether_virtual_host_or_route_is_missing():
    table = RouteTable("9080", (VirtualHost("reviews", ("reviews",), (answer("only", Path(b"/a")),)),))
    with pytest.raises(NoRoute, match=r"route table '9080' has no virtual host for 'ratings'"):
        found(table, ask(b"ratings"))
    with pytest.raises(NoRoute, match=r"virtual host 'reviews' of route table '9080' has no route for 'GET /b'"):
        found(table, ask(b"reviews", b"/b"))
    with pytest.raises(NoRoute, match="no route"):
        found(RouteTable("t", (VirtualHost("empty", ("*",), ()),)), ask())


def test_a_route_is_bound_once_and_only_when_its_virtual_host_is_asked_for():
    bound = []
    route = compile_router(DOMAINS, lambda table, host, route: bound.append(route.name) or route)
    assert bound == []
    for _ in range(3):
        route(ask(b"api.example.com"))
        route(ask(b"API.example.com"))
    assert bound == ["exact"]


def test_a_flood_of_authorities_is_forgotten_again():
    route = compile_router(DOMAINS, lambda table, host, route: route.name)
    for number in range(10_000):
        assert route(ask(b"%d.example.com" % number)) == "suffix"


def test_a_trace_names_what_was_passed_over_and_why():
    table = table_of(answer("a", PathPrefix(b"/"), Path(b"/a")), answer("b", Path(b"/b")), answer("rest"))
    trace = trace_route(table, ask(path=b"/c"))
    assert (trace.host, trace.domain, trace.route.name) == (table.hosts[0], "*", "rest")
    assert [(miss.route.name, miss.matcher) for miss in trace.passed] == [("a", Path(b"/a")), ("b", Path(b"/b"))]
    assert trace_route(RouteTable("t", ()), ask()).host is None


labels = st.sampled_from(["a", "b", "A", "ab", "a.b", "b.a", "a.b.", "[::1]"])
domains = st.one_of(labels, labels.map("*.{}".format), labels.map("{}.*".format), labels.map("*{}".format),
                    labels.map("{}:80".format), st.just("*"))  # fmt: skip
texts = st.sampled_from([b"/", b"/a", b"/a/", b"/a/b", b"/A", b"/ab", b"/b?a=b"])
bare = texts.map(lambda text: text.partition(b"?")[0])
matchers = st.one_of(
    st.builds(Path, bare, st.booleans()),
    st.builds(PathPrefix, bare, st.booleans()),
    st.builds(PathSeparatedPrefix, st.sampled_from([b"/a", b"/a/b"]), st.booleans()),
    st.builds(PathRegex, st.sampled_from([b"/a.*", b".*b", b"/"])),
)
routes = st.lists(st.lists(matchers, max_size=3), max_size=6)
hosts = st.lists(st.tuples(st.lists(domains, min_size=1, max_size=3), routes), max_size=4)
authorities = st.builds(lambda parts, port: ".".join(parts) + port, st.lists(labels, max_size=3),
                        st.sampled_from(["", ":80", ":9080"]))  # fmt: skip


def table_from(drawn, ignore_port):
    virtual = [
        VirtualHost(f"v{at}", tuple(domains), tuple(answer(f"v{at} r{n}", *match) for n, match in enumerate(routes)))
        for at, (domains, routes) in enumerate(drawn)
    ]
    return RouteTable("t", tuple(virtual), ignore_port=ignore_port)


@given(hosts, st.booleans(), authorities, texts)
def test_router_and_trace_always_agree(drawn, ignore_port, authority, path):
    table = table_from(drawn, ignore_port)
    request = ask(authority.encode(), path)
    trace = trace_route(table, request)
    router = compile_router(table, lambda table, host, route: (host, route))
    if trace.route is None:
        with pytest.raises(NoRoute, match="no virtual host" if trace.host is None else "no route"):
            router(request)
    else:
        host, route = router(request)
        assert host is trace.host
        assert route is trace.route


def specificity(domain, name):
    """Envoy's order, written down plainly: bigger wins, None does not match."""
    if domain == "*":
        return (0, 0)
    if domain.startswith("*"):
        tail = domain[1:]
        return (2, len(tail)) if name.endswith(tail) and len(name) > len(tail) else None
    if domain.endswith("*"):
        start = domain[:-1]
        return (1, len(start)) if name.startswith(start) and len(name) > len(start) else None
    return (3, 0) if domain == name else None


@given(hosts, authorities)
def test_the_domain_is_the_best_of_all_that_match(drawn, authority):
    table = table_from(drawn, ignore_port=False)
    ranked = [
        (specificity(domain.lower(), authority.lower()), -at, host)
        for at, (domain, host) in enumerate((domain, host) for host in table.hosts for domain in host.domains)
    ]
    ranked = [entry for entry in ranked if entry[0] is not None]
    best = max(ranked, key=lambda entry: entry[:2])[2] if ranked else None
    assert trace_route(table, ask(authority.encode())).host is best


LEADING = InTurn(
    (
        (
            Asked(HeaderInput(b"x"), Exact(b"1")),
            Leaf((answer("only", PathPrefix(b"/only")), answer("two", Path(b"/2")))),
        ),
    ),
    Leaf((answer("otherwise"),)),
)


@pytest.mark.parametrize(
    ("path", "headers", "winner"),
    [
        (b"/", [], "otherwise"),
        (b"/only/x", [(b"x", b"1")], "only"),
        (b"/2", [(b"x", b"1")], "two"),
        (b"/3", [(b"x", b"1")], None),
    ],
)
def test_a_tree_finds_the_routes(path, headers, winner):
    table = RouteTable("t", (VirtualHost("v", ("*",), (), tree=LEADING),))
    request = Request(b"GET", b"svc", path, headers)
    trace = trace_route(table, request)
    assert (trace.route.name if trace.route else None) == winner
    if winner is None:
        with pytest.raises(NoRoute, match="no route"):
            found(table, request)
    else:
        assert found(table, request) == winner


def test_the_clusters_of_a_tree_are_the_tables():
    routes = (Route((), Forward((WeightedCluster("a"), WeightedCluster("", header="x")))),)
    assert RouteTable("t", (VirtualHost("v", ("*",), (), tree=Leaf(routes)),)).clusters() == {"a"}


def test_a_header_can_name_the_virtual_host():
    table = RouteTable("t", (host("one", "one"), host("any", "*")), host_header="x-vh")
    named = [Request(b"GET", b"one", b"/", [(b"x-vh", value)]) for value in (b"ONE", b"two", b"")]
    assert [found(table, request) for request in named] == ["one", "any", "any"]
    assert [trace_route(table, request).host.name for request in named] == ["one", "any", "any"]
    with pytest.raises(NoRoute, match="x-vh"):
        found(table, ask(b"one"))
    assert trace_route(table, ask(b"one")).host is None


def test_plain_http_is_sent_to_https_where_it_is_required():
    table = RouteTable("t", (VirtualHost("v", ("*",), (answer("r"),), secure=True),))
    assert found(table, ask()) == "" == trace_route(table, ask()).route.name
    assert trace_route(table, ask()).redirected
    secure = Request(b"GET", b"svc", b"/", [], scheme=b"https")
    behind = Request(b"GET", b"svc", b"/", [(b"x-forwarded-proto", b"https")])
    assert found(table, secure) == found(table, behind) == "r"


def test_parameters_of_segments_are_left_out_where_they_do_not_count():
    bare = (answer("path", BarePath(Path(b"/a/b"))), answer("prefix", BarePath(PathPrefix(b"/p/x"))), answer("rest"))
    table = RouteTable("t", (VirtualHost("v", ("*",), bare),))
    paths = [b"/a/b", b"/a;x/b;y?q", b"/a;x", b"/p;a/x/z", b"/a/c;b"]
    requests = [ask(path=path) for path in paths]
    assert [found(table, request) for request in requests] == ["path", "path", "rest", "prefix", "rest"]
    assert [request.path for request in requests] == paths
    assert str(bare[0].match[0]) == "path is exactly '/a/b', without parameters"
