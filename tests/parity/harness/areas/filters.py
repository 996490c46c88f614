"""Random filter chains, and what each level of a route table says about them."""

from typing import Any

from hypothesis import strategies as st

from harness.areas.routing import ADDED
from harness.areas.words import HEADER, METHODS, TEXT, Told, kind, merged, one_of, pick, several, some
from harness.case import Json

TYPES = "type.googleapis.com/envoy.extensions.filters.http."
CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
SHARE = st.fixed_dictionaries({"numerator": pick((0, 100, 100))})
DEFAULT = kind("default_value", SHARE)


def typed(name: str, *parts: Told) -> Told:
    return merged(st.just({"@type": TYPES + name}), *parts)


# ---- one filter, at the listener and at a level ------------------------------------------------------------------

ABORT = merged(
    one_of(
        kind("http_status", pick((200, 204, 418, 503))),
        kind("grpc_status", pick((0, 5, 14))),
        st.just({"header_abort": {}}),
    ),
    kind("percentage", SHARE),
)
FAULT = typed(
    "fault.v3.HTTPFault",
    some(
        abort=ABORT,
        delay=st.just({"fixed_delay": "0.001s", "percentage": {"numerator": 100}}),
        upstream_cluster=pick(("a", "b")),
        headers=several(HEADER, 1, 1),
    ),
)
POLICY = typed(
    "cors.v3.CorsPolicy",
    some(
        allow_origin_string_match=several(TEXT, 1, 2),
        allow_methods=pick(("GET,PUT", "*", "")),
        allow_headers=pick(("x-a", "*")),
        expose_headers=pick(("x-b", "*")),
        max_age=pick(("60", "-1")),
        allow_credentials=st.booleans(),
        filter_enabled=DEFAULT,
        shadow_enabled=DEFAULT,
        allow_private_network_access=st.booleans(),
        forward_not_matching_preflights=st.booleans(),
    ),
)
BUCKET = pick((1, 2)).map(lambda most: {"max_tokens": most, "fill_interval": "3600s"})
ENTRIES = pick(({"key": "g", "value": "v"}, {"key": "m", "value": "GET"}, {"key": "h", "value": "a"}, {"key": "h"}))
RATES = typed(
    "local_ratelimit.v3.LocalRateLimit",
    st.just({"stat_prefix": "l"}),
    kind("token_bucket", BUCKET),
    some(
        filter_enabled=DEFAULT,
        filter_enforced=DEFAULT,
        status=kind("code", pick((429, 503, 200))),
        response_headers_to_add=several(ADDED, 1, 2),
        request_headers_to_add_when_not_enforced=several(ADDED, 1, 1),
        rate_limited_as_resource_exhausted=st.booleans(),
        always_consume_default_token_bucket=st.booleans(),
        descriptors=st.lists(
            st.tuples(ENTRIES, BUCKET).map(lambda told: {"entries": [told[0]], "token_bucket": told[1]}),
            min_size=1,
            max_size=2,
            unique_by=lambda told: str(told["entries"]),
        ),
    ),
)
LIMITS = several(
    kind(
        "actions",
        several(
            pick(
                (
                    {"generic_key": {"descriptor_key": "g", "descriptor_value": "v"}},
                    {"request_headers": {"header_name": ":method", "descriptor_key": "m"}},
                    {"request_headers": {"header_name": "x-a", "descriptor_key": "h", "skip_if_absent": True}},
                    {"request_headers": {"header_name": "x-a", "descriptor_key": "h"}},
                )
            ),
            1,
            2,
        ),
    ),
    1,
    2,
)
CONDITION = one_of(st.just({"any": True}), kind("header", HEADER))
PERMISSION = st.recursive(
    one_of(CONDITION, kind("url_path", kind("path", TEXT)), kind("url_path", kind("path", pick(({"prefix": "/a"},))))),
    lambda inner: one_of(
        kind("not_rule", inner),
        kind("and_rules", kind("rules", several(inner, 1, 2))),
        kind("or_rules", kind("rules", several(inner, 1, 2))),
    ),
    max_leaves=3,
)
PRINCIPAL = st.recursive(
    one_of(CONDITION, st.just({"url_path": {"path": {"prefix": "/a"}}})),
    lambda inner: one_of(
        kind("not_id", inner),
        kind("and_ids", kind("ids", several(inner, 1, 2))),
        kind("or_ids", kind("ids", several(inner, 1, 2))),
    ),
    max_leaves=2,
)
RULE = merged(kind("permissions", several(PERMISSION, 1, 2)), kind("principals", several(PRINCIPAL, 1, 2)))
RULES = merged(
    kind("action", pick(("ALLOW", "DENY", "LOG"))), some(policies=st.dictionaries(pick(("p", "q")), RULE, max_size=2))
)
ACCESS = some(rules=RULES, shadow_rules=RULES)
# What the code of an answer is that a filter gives, others learn only later in Envoy: a known difference.
CODELESS = ADDED.filter(lambda told: told["header"]["value"] != "%RESPONSE_CODE%")
MUTATION = one_of(
    kind("append", CODELESS),
    kind("append", CODELESS),
    kind("remove", pick(("x-a", "x-b", "x-up"))),
    kind("remove_on_match", kind("key_matcher", pick(({"prefix": "x-"}, {"suffix": "a"}, {"exact": "x-B"})))),
)
MUTATIONS = kind("mutations", some(request_mutations=several(MUTATION, 1), response_mutations=several(MUTATION, 1)))
WHOLE = kind("max_request_bytes", pick((1, 3, 10)))

FILTERS: dict[str, tuple[Told, Told]] = {
    "f": (FAULT, FAULT),
    "g": (FAULT, FAULT),
    "c": (typed("cors.v3.Cors"), POLICY),
    "l": (RATES, RATES),
    "r": (typed("rbac.v3.RBAC", ACCESS), typed("rbac.v3.RBACPerRoute", one_of(st.just({}), kind("rbac", ACCESS)))),
    "m": (
        typed("header_mutation.v3.HeaderMutation", MUTATIONS, some(most_specific_header_mutations_wins=st.booleans())),
        typed("header_mutation.v3.HeaderMutationPerRoute", MUTATIONS),
    ),
    "b": (
        typed("buffer.v3.Buffer", WHOLE),
        typed("buffer.v3.BufferPerRoute", one_of(st.just({"disabled": True}), kind("buffer", WHOLE))),
    ),
}

# ---- all of them -------------------------------------------------------------------------------------------------


@st.composite
def levels(draw: st.DrawFn, names: list[str]) -> Json:
    """`typed_per_filter_config` of one level, or nothing of it."""
    told: Json = {}
    for name in names:
        said = draw(pick(("nothing", "nothing", "config", "config", "off", "wrapped", "off anyway")))
        if said in ("config", "wrapped", "off anyway"):
            told[name] = draw(FILTERS[name][1])
        if said == "wrapped":
            told[name] = {"@type": CONFIG, "config": told[name], **draw(some(disabled=st.just(False)))}
        elif said.startswith("off"):
            told[name] = {"@type": CONFIG, "disabled": True, **({"config": told[name]} if name in told else {})}
    return {"typed_per_filter_config": told} if told else {}


def well_chosen(names: list[str]) -> bool:
    """In Envoy a limit does not count for what has come while an earlier filter waited: a known difference."""
    return "b" not in names or not {"f", "g"} & set(names[: names.index("b")])


@st.composite
def filtering(draw: st.DrawFn) -> Json:
    """A chain of one to four filters, and a table that has its own say."""
    names = draw(st.lists(pick(sorted(FILTERS)), min_size=1, max_size=4, unique=True).filter(well_chosen))
    chain = [
        {"name": name, "typed_config": draw(FILTERS[name][0]), **draw(some(disabled=st.booleans()))} for name in names
    ]

    def action() -> Json:
        if draw(st.booleans()):
            return {"cluster": "a", **draw(some(rate_limits=LIMITS))}
        entry = {"name": "b", "weight": 1, **draw(levels(names))}
        return {"weighted_clusters": {"clusters": [entry]}, **draw(some(rate_limits=LIMITS))}

    routes: list[Json] = [
        {"match": {"prefix": prefix}, "route": action(), **draw(levels(names))}
        for prefix in draw(pick((("/",), ("/a", "/"), ("/a",))))
    ]
    if draw(st.integers(0, 4)) == 0:
        routes.insert(0, {"match": {"path": "/a"}, "direct_response": {"status": 299}, **draw(levels(names))})
    host: dict[str, Any] = {"name": "v", "domains": ["*"], "routes": routes, **draw(levels(names))}
    return {
        "http": {"http_filters": chain},
        "routes": {"virtual_hosts": [{**host, **draw(some(rate_limits=LIMITS))}], **draw(levels(names))},
        "upstreams": {"a": [{"headers": {"x-up": "1", "x-a": "up"}}], "b": ["ok"]},
        "requests": draw(several(ASK, 4, 6)),
    }


HEADERS = {
    "x-a": pick(("a", "ab", "")),
    "x-b": pick(("b", "12")),
    "origin": pick(("a", "ab", "b")),
    "access-control-request-method": st.just("PUT"),
    "access-control-request-private-network": st.just("true"),
    "content-type": st.just("application/grpc"),
    "x-envoy-fault-abort-request": pick(("418", "99")),
    "x-envoy-fault-abort-grpc-request": st.just("5"),
}
ASK = merged(
    kind("path", pick(("/", "/a", "/ab", "/b", "/a?q=a"))),
    some(method=pick(METHODS), headers=some(**HEADERS)),
    one_of(
        st.just({}),
        kind("body", pick(("ab", "abcdef"))),
        kind("body", pick(("ab", "abcdef", "a" * 11))).map(lambda told: {**told, "chunked": True}),
    ),
)
FILTERING: Told = filtering()
