"""Random route tables, and paths before routes see them."""

from hypothesis import strategies as st

from harness.areas.words import (
    ACTIONS,
    DOMAINS,
    HOSTS,
    MATCH,
    METHODS,
    NAMES,
    REGEXES,
    TARGETS,
    TEMPLATES,
    VALUES,
    Told,
    kind,
    merged,
    one_of,
    pick,
    several,
    some,
)  # fmt: skip
from harness.case import Json

# ---- what a route does -------------------------------------------------------------------------------------------

ADDED = merged(
    kind("header", st.tuples(pick((*NAMES, "x-new")), pick(TEMPLATES)).map(lambda h: {"key": h[0], "value": h[1]})),
    some(append_action=pick(ACTIONS), keep_empty_value=st.booleans()),
)
CHANGES = some(
    request_headers_to_add=several(ADDED, 1),
    request_headers_to_remove=several(pick(NAMES), 1, 1),
    response_headers_to_add=several(ADDED, 1),
    response_headers_to_remove=several(pick(("x-up", "x-a")), 1, 1),
)
REGEX_REWRITE = st.tuples(pick(REGEXES), pick(("/n", r"/\1", r"\0/x", "", "/n?m=1"))).filter(
    lambda told: r"\1" not in told[1] or "(a|b)" in told[0] or "(.*)" in told[0]
)
REWRITE = REGEX_REWRITE.map(lambda told: {"pattern": {"regex": told[0]}, "substitution": told[1]})
BY_TEMPLATE = "type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig"
REPATH = one_of(
    st.just({}),
    kind("prefix_rewrite", pick(("/n", "/", "/n/"))),
    kind("regex_rewrite", REWRITE),
    kind("path_rewrite", pick(("/n%REQ(x-a)%", "/n", "/%REQ(:authority)%?m=1", "%REQ(:path)%/n"))),
    kind(
        "path_rewrite_policy",
        pick(("/n/{x}", "/{y}/{x}", "/{x}{y}", "/n")).map(
            lambda pattern: {"name": "t", "typed_config": {"@type": BY_TEMPLATE, "path_template_rewrite": pattern}}
        ),
    ),
)
REHOST = one_of(
    kind("host_rewrite", pick(("new", "%REQ(x-to)%", "new.%REQ(x-a)%"))),
    st.just({}),
    kind("host_rewrite_literal", pick(("new", "new:81"))),
    kind("host_rewrite_header", st.just("x-to")),
)
ENTRY = merged(
    kind("name", pick(("a", "b"))), st.just({"weight": 1}), CHANGES, some(host_rewrite_literal=st.just("entry"))
)
WHERE = one_of(
    kind("cluster", pick(("a", "b", "nowhere"))),
    st.just({"cluster_header": "x-to"}),
    kind("weighted_clusters", ENTRY.map(lambda entry: {"clusters": [entry]})),
)
FORWARD = merged(
    WHERE,
    REPATH,
    REHOST,
    some(
        cluster_not_found_response_code=pick(("NOT_FOUND", "SERVICE_UNAVAILABLE")),
        append_x_forwarded_host=st.booleans(),
        timeout=pick(("0s", "5s")),
        max_stream_duration=some(max_stream_duration=st.just("6s")),
    ),
)
REDIRECT = merged(
    some(
        host_redirect=pick(("new", "new:81")),
        port_redirect=pick((80, 443, 8080)),
        response_code=pick(("FOUND", "SEE_OTHER", "PERMANENT_REDIRECT")),
        strip_query=st.booleans(),
    ),
    one_of(st.just({}), st.just({"https_redirect": True}), kind("scheme_redirect", pick(("https", "http")))),
    one_of(
        st.just({}),
        kind("path_redirect", pick(("/n", "/n?m=1"))),
        kind("prefix_rewrite", pick(("/n", "/"))),
        kind("regex_rewrite", REWRITE),
    ),
)
DIRECT = merged(kind("status", pick((200, 201, 204, 302, 404, 503))), some(body=st.just({"inline_string": "told"})))
ACTION = one_of(
    kind("route", FORWARD), kind("route", FORWARD), kind("redirect", REDIRECT), kind("direct_response", DIRECT)
)


def well_formed(route: Json) -> Json:
    """Rewrites by template go with matches by template, those of prefixes do not; else a table is refused."""
    by_template = "path_match_policy" in route["match"]
    route.get("route", {}).pop("prefix_rewrite" if by_template else "path_rewrite_policy", None)
    if by_template:
        route.get("redirect", {}).pop("prefix_rewrite", None)
    return route


ROUTE = merged(kind("match", MATCH), ACTION, CHANGES, some(name=pick(("r", "s")))).map(well_formed)
TABLE_CHANGES = merged(
    CHANGES, some(most_specific_header_mutations_wins=st.booleans(), ignore_port_in_host_matching=st.booleans())
)


@st.composite
def tables(draw: st.DrawFn) -> Json:
    """Virtual hosts of disjoint domains."""
    domains = draw(st.lists(pick(DOMAINS), min_size=1, max_size=4, unique_by=str.lower))
    hosts = [
        {
            "name": f"v{at}",
            "domains": [domain],
            "routes": draw(several(ROUTE, 1, 3)),
            **draw(CHANGES),
            **draw(some(include_request_attempt_count=st.booleans())),
        }
        for at, domain in enumerate(domains)
    ]
    return {"virtual_hosts": hosts, **draw(TABLE_CHANGES)}


FIELDS = st.dictionaries(pick((*NAMES, "x-to")), pick(VALUES) | several(pick(VALUES), 2, 2), max_size=2)
KINDS = pick(("application/grpc", "a"))
ASK_HEADERS = merged(FIELDS, some(**{"content-type": KINDS}))
ASK = st.fixed_dictionaries(
    {"path": TARGETS}, optional={"method": pick(METHODS), "host": pick(HOSTS), "headers": ASK_HEADERS}
)
UP = {"a": [{"headers": {"x-up": "1", "x-a": "up"}}], "b": ["ok"]}
ROUTING: Told = st.fixed_dictionaries({"routes": tables(), "requests": several(ASK, 4, 6), "upstreams": st.just(UP)})

# ---- paths before routes see them --------------------------------------------------------------------------------

PIECES = ("/", "//", "a", ".", "..", "%2e", "%2F", "%5c", "\\", ";", "%41", "%", "?", "%00", "b", "%25", "~", '"')
ESCAPED = ("KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD")
DIRTY = several(pick(PIECES), most=7).map(lambda parts: "/" + "".join(parts))
NORMALISING: Told = st.fixed_dictionaries(
    {
        "http": some(
            normalize_path=st.booleans(), merge_slashes=st.booleans(), path_with_escaped_slashes_action=pick(ESCAPED)
        ),
        "requests": several(DIRTY, 4, 8),
    }
)
