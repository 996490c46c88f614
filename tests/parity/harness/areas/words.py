"""What made-up cases are made of: alphabets small enough that things meet, and ways to combine."""

from typing import Any

from hypothesis import strategies as st

from harness.case import Json

Told = st.SearchStrategy[Json]
NAMES = ("x-a", "x-b")
VALUES = ("a", "ab", "b", "B", "", "1", "12")
DOMAINS = ("*", "svc", "svc:80", "*.svc", "a.svc", "*.a.svc", "svc.*", "SVC", "svc.a.*")
HOSTS = ("svc", "svc:80", "a.svc", "b.a.svc", "svc.x", "SVC", "svc.a.b", "other", "A.svc:80")
SEGMENTS = ("a", "b", "ab", "A", "")
REGEXES = ("/a.*", "/(a|b)", "/[a-b]+", "/a", ".*b", "/(.*)/(.*)", "/(?i)ab?")
TEMPLATES = (
    "v", "%REQ(x-a)%", "a%REQ(x-b?x-a)%b", "%REQ(:path)%", "%REQ(:authority)%", "%REQ(x-a):1%", "%ROUTE_NAME%",
    "%REQ(x-none)%", "%PROTOCOL%", "%UPSTREAM_CLUSTER_RAW%", "%RESPONSE_CODE%", "%RESP(x-up)%", "100%%", "",
)  # fmt: skip
ACTIONS = ("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")
pick = st.sampled_from


def some(**fields: st.SearchStrategy[Any]) -> Told:
    """Any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def one_of(*kinds: Told) -> Told:
    return st.one_of(*kinds)


def kind(name: str, values: st.SearchStrategy[Any]) -> Told:
    return values.map(lambda value: {name: value})


def several(strategy: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, min_size=least, max_size=most)


def merged(*parts: Told) -> Told:
    return st.tuples(*parts).map(lambda told: {name: value for part in told for name, value in part.items()})


PATHS = several(pick(SEGMENTS), most=3).map(lambda parts: "/" + "/".join(parts))
QUERIES = several(st.tuples(pick(("q", "p", "Q")), pick(("=a", "=ab", "=", "", "=B"))).map("".join), most=2)
TARGETS = st.tuples(PATHS, QUERIES).map(lambda told: told[0] + ("?" + "&".join(told[1]) if told[1] else ""))

# ---- matching ----------------------------------------------------------------------------------------------------

TEXT = one_of(
    merged(
        one_of(*(kind(each, pick(("a", "ab", "b"))) for each in ("exact", "prefix", "suffix", "contains"))),
        some(ignore_case=st.booleans()),
    ),
    kind("safe_regex", kind("regex", pick(("a", "a.*", "[ab]+", "(?i)AB", "a|b")))),
)
HEADER = merged(
    kind("name", pick((*NAMES, "X-A", ":method", ":path", ":authority"))),
    one_of(
        kind("string_match", TEXT),
        kind("present_match", st.booleans()),
        *(
            kind(each, pick(("a", "ab", "b")))
            for each in ("exact_match", "prefix_match", "suffix_match", "contains_match")
        ),
        kind("safe_regex_match", kind("regex", pick(("a.*", "[ab]+")))),
        kind("range_match", st.tuples(pick((0, 5, 12)), pick((2, 12, 20))).map(lambda r: {"start": r[0], "end": r[1]})),
    ),
    some(invert_match=st.booleans(), treat_missing_header_as_empty=st.booleans()),
)
QUERY = merged(kind("name", pick(("q", "p"))), one_of(kind("string_match", TEXT), st.just({"present_match": True})))
TEMPLATE = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"
PATTERNS = ("/*", "/**", "/{x}", "/{x}/{y}", "/a/{x=**}", "/{x=*}/b", "/{x=a/*}", "/ab", "/{x=a}/**")
PLACE = one_of(
    kind(
        "path_match_policy",
        pick(PATTERNS).map(
            lambda pattern: {"name": "t", "typed_config": {"@type": TEMPLATE, "path_template": pattern}}
        ),
    ),
    kind("prefix", pick(("/", "/a", "/ab", "/a/", "/A", ""))),
    kind("path", pick(("/", "/a", "/a/b", "/ab", "/A"))),
    kind("path_separated_prefix", pick(("/a", "/a/b", "/ab"))),
    kind("safe_regex", kind("regex", pick(REGEXES))),
)
MATCH = merged(
    PLACE,
    some(
        case_sensitive=st.booleans(),
        grpc=st.just({}),
        headers=several(HEADER, 1, 2),
        query_parameters=several(QUERY, 1, 2),
    ),
)
