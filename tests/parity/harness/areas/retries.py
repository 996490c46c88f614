"""Random retries: at other hosts, and as the caller wants them."""

from typing import Any

from hypothesis import strategies as st

from harness.areas.choices import BY_KEY, HASHED, keyed
from harness.areas.fleets import HOSTS, POLICY, QUICK, REPLY
from harness.areas.words import Told, kind, merged, one_of, pick, several, some
from harness.case import Json

TYPES = "type.googleapis.com/envoy.extensions."
NO_CANARY = {"name": "c", "typed_config": {"@type": f"{TYPES}retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate"}}
PREVIOUS = {"name": "p", "typed_config": {"@type": f"{TYPES}retry.host.previous_hosts.v3.PreviousHostsPredicate"}}
LABELLED = {
    "name": "m",
    "typed_config": {
        "@type": f"{TYPES}retry.host.omit_host_metadata.v3.OmitHostMetadataConfig",
        "metadata_match": {"filter_metadata": {"envoy.lb": {"v": "1"}}},
    },
}
LATER = {"@type": f"{TYPES}retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"}
ELSEWHERE = merged(
    st.just({"retry_on": "5xx,reset,connect-failure", "retry_back_off": QUICK}),
    kind("num_retries", pick((1, 2, 3))),
    some(
        retry_host_predicate=st.lists(
            pick((NO_CANARY, PREVIOUS, LABELLED)), min_size=1, max_size=2, unique_by=lambda told: told["name"]
        ),
        host_selection_retry_max_attempts=pick((1, 3, 5)),
        retry_priority=pick((1, 2)).map(
            lambda often: {"name": "q", "typed_config": {**LATER, "update_frequency": often}}
        ),
    ),
)
METADATA = pick(
    ({}, {}, {"metadata": {"filter_metadata": {"envoy.lb": {"v": "1"}}}},
     {"metadata": {"filter_metadata": {"envoy.lb": {"canary": True}}}})
)  # fmt: skip


@st.composite
def elsewhere(draw: st.DrawFn) -> Json:
    """Hosts in one or two priorities, found by hash, with scripts of failures."""
    names = HOSTS[:4]
    endpoints: list[Json] = [
        {"lb_endpoints": [{"to": name, **draw(METADATA)} for name in names[:2]]},
        {"lb_endpoints": [{"to": name, **draw(METADATA)} for name in names[2:]], **draw(some(priority=st.just(1)))},
    ]
    action: Json = {"cluster": "up", "hash_policy": BY_KEY, "retry_policy": draw(ELSEWHERE)}
    return {
        "routes": [{"match": {"prefix": "/"}, "route": action}],
        "clusters": {"up": {**draw(HASHED), "load_assignment": {"endpoints": endpoints}}},
        "upstreams": {name: draw(several(one_of(REPLY, pick(({"status": 503}, "close"))), 1, 3)) for name in names},
        "requests": [keyed(key) for key in draw(several(pick("abcdef"), 4, 6))],
    }


# ---- as the caller wants it --------------------------------------------------------------------------------------

ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
INTERNAL = {"cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}
CALLER: dict[str, st.SearchStrategy[Any]] = {
    "x-forwarded-for": pick(("10.1.2.3", "8.8.8.8", "10.1.2.3,8.8.8.8", "10.1.2.3", "x", "")),
    "x-envoy-retry-on": pick(("5xx", "gateway-error,reset", "retriable-status-codes", "retriable-4xx", "moon", "")),
    "x-envoy-retry-grpc-on": pick(("unavailable", "cancelled,internal")),
    "x-envoy-max-retries": pick(("0", "1", "2", "x", "-1", "")),
    "x-envoy-retriable-status-codes": pick(("404", "400,429", "x", "404, 503")),
    "x-envoy-retriable-header-names": pick(("x-r", "x-none,x-r")),
    "x-envoy-upstream-rq-timeout-ms": pick(("1000", "x", "0")),
    "x-envoy-upstream-rq-per-try-timeout-ms": pick(("500", "2000", "x")),
    "x-envoy-expected-rq-timeout-ms": pick(("1000", "x")),
    "x-envoy-is-timeout-retry": st.just("true"),
    "x-envoy-attempt-count": pick(("5", "x")),
    "x-envoy-original-path": st.just("/before"),
    "x-envoy-decorator-operation": st.just("op"),
    "x-envoy-internal": pick(("true", "false")),
    "x-envoy-external-address": st.just("1.2.3.4"),
    "x-envoy-upstream-alt-stat-name": st.just("alt"),
    "x-envoy-upstream-rq-timeout-alt-response": st.just("1"),
    "x-envoy-hedge-on-per-try-timeout": pick(("true", "x")),
    "x-envoy-downstream-service-cluster": st.just("me"),
    "content-type": st.just("application/grpc"),
}
ASK = merged(
    kind("path", pick(("/", "/a"))),
    kind("headers", st.dictionaries(pick(sorted(CALLER)), st.none(), min_size=1, max_size=5).flatmap(
        lambda names: st.fixed_dictionaries({name: CALLER[name] for name in sorted(names)})
    )),
)  # fmt: skip


@st.composite
def trusting(draw: st.DrawFn) -> Json:
    """Callers from here and there, who say how they want to be served."""
    routing = {"name": "router", "typed_config": {"@type": ROUTER, **draw(OPTIONS)}}
    host: Json = {"name": "v", "domains": ["*"], **draw(HOST)}
    host["routes"] = [
        {"match": {"prefix": "/a"}, "route": {"cluster": "up", **draw(some(retry_policy=POLICY))}},
        {
            "match": {"prefix": "/"},
            "route": {"cluster": "up", **draw(some(retry_policy=POLICY, prefix_rewrite=st.just("/n")))},
        },
    ]
    return {
        "http": {"http_filters": [routing], **draw(MANAGER)},
        "routes": {"virtual_hosts": [host]},
        "upstreams": {"up": draw(several(REPLY, 1, 6))},
        "requests": draw(several(ASK, 4, 6)),
    }


OPTIONS = some(suppress_envoy_headers=st.booleans(), respect_expected_rq_timeout=st.booleans())
MANAGER = some(internal_address_config=st.just(INTERNAL), skip_xff_append=st.booleans())
HOST = some(
    retry_policy=POLICY,
    include_request_attempt_count=st.booleans(),
    include_attempt_count_in_response=st.booleans(),
    include_is_timeout_retry_header=st.booleans(),
)
ELSEWHERE_AGAIN: Told = elsewhere()
TRUSTING: Told = trusting()
