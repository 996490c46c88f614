"""Random answers of Envoy's own, what local_reply_config makes of them, redirects that are followed, and trees."""

from typing import Any

from hypothesis import strategies as st

from harness.areas.routing import ADDED, CHANGES
from harness.areas.words import HEADER, TEXT, Told, kind, merged, one_of, pick, several, some
from harness.case import Json

# ---- local replies -----------------------------------------------------------------------------------------------

FORMATS = (
    "[%LOCAL_REPLY_BODY%]", "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%", "%REQ(x-a)%%REQ(:path)%", "",
    "%RESP(x-r)% %ROUTE_NAME% %PROTOCOL%", "100%%", "%REQ(x-none?x-b)%|%UPSTREAM_CLUSTER_RAW%",
)  # fmt: skip
FORMAT = merged(
    one_of(
        kind("text_format_source", kind("inline_string", pick(FORMATS))),
        kind(
            "json_format",
            st.dictionaries(
                pick(("a", "b")),
                one_of(pick(FORMATS), st.just(1), st.just([True, "%RESPONSE_CODE%"]), st.just({"c": "%REQ(x-a)%"})),
                max_size=2,
            ),
        ),
    ),
    some(content_type=pick(("text/html", "application/x")), omit_empty_values=st.booleans()),
)
CODE = st.tuples(pick(("EQ", "GE", "LE", "NE")), pick((200, 404, 418, 503))).map(
    lambda told: {"comparison": {"op": told[0], "value": {"default_value": told[1], "runtime_key": "k"}}}
)
FLAGS = kind(
    "flags", several(pick(("NR", "NC", "UH", "UF", "UC", "UT", "FI", "DI")), 0, 2).map(lambda f: sorted(set(f)))
)
CONDITION = st.recursive(
    one_of(
        kind("status_code_filter", CODE),
        kind("header_filter", kind("header", HEADER)),
        kind("response_flag_filter", FLAGS),
        st.just({"not_health_check_filter": {}}),
    ),
    lambda inner: one_of(
        kind("and_filter", kind("filters", several(inner, 2, 2))),
        kind("or_filter", kind("filters", several(inner, 2, 2))),
    ),
    max_leaves=3,
)
MAPPER = merged(
    kind("filter", CONDITION),
    some(
        status_code=pick((200, 204, 404, 418, 599)),
        body=kind("inline_string", pick(("mapped", ""))),
        body_format_override=FORMAT,
        headers_to_add=several(ADDED, 1, 2),
    ),
)
MANAGER = some(
    local_reply_config=some(mappers=several(MAPPER, 1, 3), body_format=FORMAT),
    server_name=st.just("me"),
    server_header_transformation=pick(("OVERWRITE", "APPEND_IF_ABSENT", "PASS_THROUGH")),
    via=st.just("v"),
    strip_any_host_port=st.booleans(),
    strip_trailing_host_dot=st.booleans(),
    generate_request_id=st.booleans(),
)
BODY = kind("inline_string", pick(("told", "", "%REQ(x-a)%")))
ANSWERS = (
    merged(kind("status", pick((200, 204, 301, 404, 418, 503))), some(body=BODY, body_format=FORMAT)).map(
        lambda told: {"direct_response": told}
    ),
    kind("route", st.just({"cluster": "nowhere"})),
    kind("route", st.just({"cluster": "empty"})),
    kind("route", st.just({"cluster": "refused"})),
    kind("route", st.just({"cluster": "up"})),
    kind("route", st.just({"cluster": "closing"})),
    kind("redirect", st.just({"path_redirect": "/n"})),
)


@st.composite
def replying(draw: st.DrawFn) -> Json:
    """A route for each way to fail, and a connection manager that has its own say."""
    routes = [
        {"match": {"prefix": f"/{at}"}, **draw(one_of(*ANSWERS)), **draw(CHANGES), **draw(some(name=st.just("r")))}
        for at in range(3)
    ]
    return {
        "http": draw(MANAGER),
        "routes": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": routes}], **draw(CHANGES)},
        "clusters": {"up": {"to": ["up"]}, "empty": {"to": []}, "refused": {"to": ["no"]}, "closing": {"to": ["cut"]}},
        "upstreams": {
            "up": [{"status": 503, "headers": {"x-up": "1", "server": "up"}}],
            "no": ["refuse"],
            "cut": ["close"],
        },
        "requests": draw(several(ASK, 4, 6)),
    }


ASK = merged(
    kind("path", pick(("/0", "/1", "/2", "/0/a?q", "/none"))),
    some(
        method=pick(("GET", "HEAD", "POST")),
        host=pick(("svc:80", "svc.", "svc.:80")),
        headers=some(**{
            "x-a": pick(("a", "b", '"')), "x-b": st.just("12"), "content-type": st.just("application/grpc")
        }),
    ),
)  # fmt: skip

# ---- redirects that are followed ---------------------------------------------------------------------------------

LOCATIONS = (
    "http://svc/a", "http://svc/b", "http://other/a?x=1", "/a", "b", "http://svc/b#f", "https://svc/a", "http://svc:81/b",
    "http://svc", "http://svc?q=1", "ftp://svc/a", "", "HTTP://SVC/A", "//svc/b", "http:///b", "http://svc/%41",
)  # fmt: skip
TYPES = "type.googleapis.com/envoy.extensions.internal_redirect."
PREDICATE = pick(
    (
        {"name": "p", "typed_config": {"@type": f"{TYPES}previous_routes.v3.PreviousRoutesConfig"}},
        {"name": "s", "typed_config": {"@type": f"{TYPES}safe_cross_scheme.v3.SafeCrossSchemeConfig"}},
        {
            "name": "a",
            "typed_config": {
                "@type": f"{TYPES}allow_listed_routes.v3.AllowListedRoutesConfig",
                "allowed_route_names": ["a"],
            },
        },
    )
)
FOLLOWING = some(
    max_internal_redirects=pick((0, 1, 2, 3)),
    redirect_response_codes=several(pick((301, 302, 303, 307, 308)), 1, 3).map(lambda codes: sorted(set(codes))),
    predicates=several(PREDICATE, 1, 2),
    allow_cross_scheme_redirect=st.booleans(),
    response_headers_to_copy=pick((["x-up"], ["x-none", "x-up"], ["x-two"])),
)
MOVED = st.tuples(pick((301, 302, 302, 303, 307)), pick(LOCATIONS)).map(
    lambda told: {"status": told[0], "headers": {"location": told[1], "x-up": "1", "x-two": ["1", "2"]}}
)


@st.composite
def following(draw: st.DrawFn) -> Json:
    """Routes that follow, upstreams that point elsewhere."""

    def action(cluster: str) -> Json:
        told: Json = {"cluster": cluster, **draw(some(internal_redirect_policy=FOLLOWING))}
        return {**told, **draw(some(prefix_rewrite=st.just("/n"), host_rewrite_literal=st.just("new")))}

    routes = [
        {"match": {"prefix": "/a"}, "name": "a", "route": action("a"), **draw(CHANGES)},
        {"match": {"prefix": "/b"}, "name": "b", **draw(one_of(
            st.just({"direct_response": {"status": 299}}), st.just({"redirect": {"path_redirect": "/a"}}),
            st.just({"route": action("b")}),
        ))},
        {"match": {"prefix": "/"}, "route": action("b")},
    ]  # fmt: skip
    domains = draw(pick((["*"], ["svc", "svc:81"])))
    script = several(one_of(MOVED, MOVED, st.just("ok")), 1, 4)
    asks = one_of(
        kind("path", pick(("/a", "/b", "/a/x?y=1"))),
        st.just({"path": "/a", "method": "POST", "body": "abc"}),
        st.just({"path": "/a", "method": "HEAD"}),
        st.just({"path": "/a", "method": "PUT", "body": "abc", "chunked": True}),
    )
    return {
        "routes": {"virtual_hosts": [{"name": "v", "domains": domains, "routes": routes}]},
        "upstreams": {"a": draw(script), "b": draw(script)},
        "requests": draw(several(asks, 3, 5)),
    }


# ---- trees -------------------------------------------------------------------------------------------------------

INPUT = "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
ROUTE = "type.googleapis.com/envoy.config.route.v3.Route"


def with_engine(text: Json) -> Json:
    """xDS's own StringMatcher wants the engine said."""
    return {"safe_regex": {**text["safe_regex"], "google_re2": {}}} if "safe_regex" in text else text


def inputs(names: tuple[str, ...] = ("x-a", "x-b", "X-A", ":path", ":method")) -> Told:
    return pick(names).map(lambda name: {"name": "i", "typed_config": {"@type": INPUT, "header_name": name}})


@st.composite
def leaf(draw: st.DrawFn) -> Json:
    """A route, which has conditions of its own, too."""
    cluster = draw(pick(("a", "b", "c")))
    match = draw(pick(({"prefix": "/"}, {"prefix": "/a"}, {"path": "/a"}, {"prefix": "/"})))
    route = {"@type": ROUTE, "name": cluster, "match": match, "route": {"cluster": cluster}}
    return {"action": {"name": "r", "typed_config": route}}


VALUE = TEXT.map(with_engine)
SINGLE = merged(kind("input", inputs()), kind("value_match", VALUE)).map(lambda told: {"single_predicate": told})
PREDICATES = st.recursive(
    SINGLE,
    lambda inner: one_of(
        kind("not_matcher", inner),
        kind("and_matcher", kind("predicate", several(inner, 2, 2))),
        kind("or_matcher", kind("predicate", several(inner, 2, 2))),
    ),
    max_leaves=3,
)


@st.composite
def tree(draw: st.DrawFn, depth: int = 2) -> Json:
    """A list of predicates, or a map of values or prefixes."""

    def target() -> Json:
        if depth and draw(st.integers(0, 2)) == 0:
            return {"matcher": draw(tree(depth - 1)), **draw(KEEPING)}
        return {**draw(leaf()), **draw(KEEPING)}

    told: dict[str, Any] = {}
    if draw(st.booleans()):
        count = draw(st.integers(1, 3))
        told["matcher_list"] = {
            "matchers": [{"predicate": draw(PREDICATES), "on_match": target()} for _ in range(count)]
        }
    else:
        keys = draw(st.lists(pick(("a", "ab", "b", "/", "/a", "GET", "12")), min_size=1, max_size=3, unique=True))
        how = draw(pick(("exact_match_map", "prefix_match_map")))
        told["matcher_tree"] = {"input": draw(inputs()), how: {"map": {key: target() for key in keys}}}
    if draw(st.booleans()):
        told["on_no_match"] = target()
    return told


KEEPING = pick(({}, {}, {}, {"keep_matching": False}))


@st.composite
def branching(draw: st.DrawFn) -> Json:
    asks = merged(
        kind("path", pick(("/", "/a", "/ab", "/a?q"))),
        some(
            method=pick(("GET", "PUT")),
            headers=some(**{"x-a": pick(("a", "ab", "b", "B")), "x-b": pick(("a", "12", ""))}),
        ),
    )
    host = {"name": "v", "domains": ["*"], "matcher": draw(tree())}
    return {
        "routes": {"virtual_hosts": [host]},
        "upstreams": ["a", "b", "c"],
        "requests": draw(several(asks, 5, 7)),
    }


REPLYING: Told = replying()
FOLLOWED: Told = following()
BRANCHING: Told = branching()
