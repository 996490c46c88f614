"""Random choices among hosts and clusters: subsets, splits, priorities, aggregates, and hosts that are put out."""

from typing import Any

from hypothesis import strategies as st

from harness.areas.fleets import COMMON, HOSTS, MAGLEV, RING, endpoint, fleets
from harness.areas.words import Told, kind, merged, one_of, pick, several, some
from harness.case import Json

BY_KEY = [{"query_parameter": {"name": "q"}}]
HASHED = one_of(RING, MAGLEV)
# Envoy checks the limits of a subset's ring when there is such a subset, and may crash for it.
GOOD_RING = kind("minimum_ring_size", pick((1, 7, 64))).map(
    lambda told: {"lb_policy": "RING_HASH", "ring_hash_lb_config": told}
)


def keyed(key: str, **more: Any) -> Json:
    return {"path": f"/?q={key}", **more}


# ---- subsets -----------------------------------------------------------------------------------------------------

LABELS = some(v=pick(("1", "2")), stage=pick(("prod", "test")), n=pick((1, 2, "1")), l=pick((["1", "2"], ["2"], "1")))
WANTED = some(v=pick(("1", "2", "3")), stage=pick(("prod", "test")), n=pick((1, "1")), l=pick(("1", "2", ["2"])))
NAMES = st.lists(pick(("v", "stage", "n", "l")), min_size=1, max_size=3, unique=True)
OWN = ("NOT_DEFINED", "NO_FALLBACK", "ANY_ENDPOINT", "DEFAULT_SUBSET", "KEYS_SUBSET")


@st.composite
def selectors(draw: st.DrawFn) -> Json:
    keys = draw(NAMES)
    told: dict[str, Any] = {"keys": keys, **draw(some(fallback_policy=pick(OWN)))}
    if told.get("fallback_policy") == "KEYS_SUBSET":
        told["fallback_keys_subset"] = keys[: draw(st.integers(0, max(1, len(keys) - 1)))]
    return told


SUBSETS = merged(
    kind("subset_selectors", several(selectors(), 1, 3)),
    some(
        fallback_policy=pick(("NO_FALLBACK", "ANY_ENDPOINT", "DEFAULT_SUBSET")),
        default_subset=WANTED,
        locality_weight_aware=st.booleans(),
        scale_locality_weight=st.booleans(),
        panic_mode_any=st.booleans(),
        list_as_any=st.booleans(),
        metadata_fallback_policy=pick(("METADATA_NO_FALLBACK", "FALLBACK_LIST")),
    ),
)


def labelled(host: Json, labels: Json) -> Json:
    return {**host, "metadata": {"filter_metadata": {"envoy.lb": labels}}} if labels else host


@st.composite
def matching(draw: st.DrawFn, fallbacks: bool = False) -> Json:
    """`metadata_match`, or nothing of it. Not with fallbacks of a weighted cluster, which may end an Envoy."""
    wanted = draw(WANTED)
    if fallbacks and draw(st.integers(0, 2)) == 0:
        wanted = {**wanted, "fallback_list": draw(several(WANTED, 1, 2))}
    return {"metadata_match": {"filter_metadata": {"envoy.lb": wanted}}} if wanted else {}


@st.composite
def subsets(draw: st.DrawFn) -> Json:
    endpoints = draw(fleets())
    for locality in endpoints:
        locality["lb_endpoints"] = [labelled(host, draw(LABELS)) for host in locality["lb_endpoints"]]
    cluster = {
        **draw(one_of(GOOD_RING, MAGLEV)),
        "lb_subset_config": draw(SUBSETS),
        "load_assignment": {"endpoints": endpoints},
        "common_lb_config": draw(COMMON),
    }
    routes = []
    for at in range(4):
        action: Json = {"hash_policy": BY_KEY}
        if draw(st.integers(0, 3)) == 0:
            split = {"clusters": [{"name": "up", "weight": 1, **draw(matching())}]}
            action |= {"weighted_clusters": split, **draw(matching())}
        else:
            action |= {"cluster": "up", **draw(matching(fallbacks=True))}
        routes.append({"match": {"prefix": f"/{at}"}, "route": action})
    keys = draw(st.lists(pick("abcdef"), min_size=2, max_size=2, unique=True))
    return {
        "routes": routes,
        "clusters": {"up": cluster},
        "upstreams": list(HOSTS),
        "requests": [f"/{at}?q={key}" for at in range(4) for key in keys],
    }


# ---- hosts that are put out --------------------------------------------------------------------------------------

REPLIES = several(one_of(st.just({}), st.just({}), kind("status", pick((500, 502, 503, 504, 404, 429))),
                         pick(({"reset": True}, {"raw": ""}))), 1, 4)  # fmt: skip
ALWAYS = pick((0, 100))
OUTLIER = merged(
    st.just({"interval": "3600s", "base_ejection_time": "3600s", "max_ejection_time": "3600s"}),
    some(
        consecutive_5xx=pick((1, 2, 3)),
        consecutive_gateway_failure=pick((1, 2)),
        consecutive_local_origin_failure=pick((1, 2)),
        enforcing_consecutive_5xx=ALWAYS,
        enforcing_consecutive_gateway_failure=ALWAYS,
        enforcing_consecutive_local_origin_failure=ALWAYS,
        split_external_local_origin_errors=st.booleans(),
        max_ejection_percent=pick((10, 34, 50, 100)),
        always_eject_one_host=st.booleans(),
    ),
)


@st.composite
def ejecting(draw: st.DrawFn) -> Json:
    """Three hosts with scripts of their own, and keys that find them."""
    names = HOSTS[:3]
    cluster = {
        **draw(HASHED),
        "outlier_detection": draw(OUTLIER),
        "load_assignment": {
            "endpoints": [
                {"lb_endpoints": [{"to": name} for name in names[:2]]},
                {"lb_endpoints": [{"to": names[2]}], **draw(some(priority=st.just(1)))},
            ]
        },
        # Envoy tells its workers of a first change at once, of others after this time.
        "common_lb_config": {"update_merge_window": "0s", **draw(COMMON)},
    }
    action: Json = {"cluster": "up", "hash_policy": BY_KEY}
    keys = draw(st.lists(pick("abcdefgh"), min_size=6, max_size=9))
    return {
        "routes": [{"match": {"prefix": "/"}, "route": action}],
        "clusters": {"up": cluster},
        "upstreams": {name: draw(REPLIES) for name in names},
        "requests": [keyed(key, pause=0.03) for key in keys],  # ejections take a way through Envoy's threads
    }


# ---- by chance ---------------------------------------------------------------------------------------------------

CHANCE = one_of(
    st.just({"lb_policy": "ROUND_ROBIN"}),
    st.just({"lb_policy": "RANDOM"}),
    merged(
        st.just({"lb_policy": "LEAST_REQUEST"}),
        some(least_request_lb_config=some(choice_count=pick((2, 3, 5)))),
    ),
)


@st.composite
def drawing(draw: st.DrawFn) -> Json:
    """One cluster whose policy leaves hosts to chance, under priorities, health and localities."""
    cluster = {
        **draw(CHANCE),
        "load_assignment": {
            "endpoints": draw(fleets()),
            **draw(some(policy=kind("overprovisioning_factor", pick((100, 140, 200))))),
        },
        "common_lb_config": draw(COMMON),
    }
    return {
        "compare": "distribution",
        "clusters": {"up": cluster},
        "upstreams": list(HOSTS),
        "requests": [{"repeat": 300}],
    }


ENTRY = merged(
    kind("name", pick(("a", "b", "c", "nowhere"))),
    kind("weight", pick((0, 1, 1, 2, 5))),
    some(
        request_headers_to_add=st.just([{"header": {"key": "x-e", "value": "1"}}]),
        response_headers_to_add=st.just([{"header": {"key": "x-e", "value": "%UPSTREAM_CLUSTER_RAW%"}}]),
    ),
)
VALUES = ("0", "1", "2", "3", "7", "10", "007", "+1", "18446744073709551615")  # what is no number leaves it to chance
SPLIT = kind("clusters", several(ENTRY, 2, 4))
SHARE = pick(({"numerator": 30}, {"numerator": 50}, {"numerator": 100}, {"numerator": 0},
              {"numerator": 5000, "denominator": "TEN_THOUSAND"}))  # fmt: skip


@st.composite
def splitting(draw: st.DrawFn) -> Json:
    """Several weighted clusters: the header decides, a hash, or chance."""
    way = draw(pick(("header", "header", "hash", "chance")))
    split = draw(SPLIT)
    action: Json = {"weighted_clusters": split}
    match: Json = {"prefix": "/"}
    if way == "header":
        split["header_name"] = "x-n"
    if way == "hash":
        split["use_hash_policy"] = True
        action["hash_policy"] = draw(pick((BY_KEY, [{"header": {"header_name": "x-n"}}])))
    if way == "chance":
        match |= draw(some(runtime_fraction=kind("default_value", SHARE)))
    routes = [{"match": match, "route": action}, {"match": {"prefix": "/"}, "route": {"cluster": "c"}}]
    numbers = draw(st.lists(pick(VALUES), min_size=5, max_size=8))
    asked = [keyed(number, headers={"x-n": number}) for number in numbers]
    told: Json = {"routes": routes, "upstreams": ["a", "b", "c"], "requests": asked}
    return {**told, "compare": "distribution", "requests": [{"repeat": 300}]} if way == "chance" else told


# ---- clusters of clusters ----------------------------------------------------------------------------------------

AGGREGATE = "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig"


@st.composite
def aggregating(draw: st.DrawFn) -> Json:
    """Clusters in line, each with a hash ring or a table; which of them is up to chance."""
    line = draw(pick((["one", "two"], ["two", "one"], ["one", "nowhere", "two"])))
    config = {"@type": AGGREGATE, "clusters": line}
    clusters: Json = {
        "all": {"lb_policy": "CLUSTER_PROVIDED", "cluster_type": {"name": "g", "typed_config": config}},
    }
    for name, hosts in (("one", HOSTS[:3]), ("two", HOSTS[3:])):
        endpoints = [
            {
                "lb_endpoints": [draw(endpoint(host)) for host in hosts[:2]],
            },
            {"lb_endpoints": [draw(endpoint(hosts[2]))], **draw(some(priority=st.just(1)))},
        ]
        clusters[name] = {
            **draw(one_of(GOOD_RING, MAGLEV)),
            "load_assignment": {
                "endpoints": endpoints,
                **draw(some(policy=kind("overprovisioning_factor", pick((100, 200))))),
            },
            "common_lb_config": draw(some(healthy_panic_threshold=kind("value", pick((0, 50, 100))))),
        }
    return {
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "all", "hash_policy": BY_KEY}}],
        "clusters": clusters,
        "upstreams": list(HOSTS),
        "compare": "distribution",
        "requests": [keyed(key, repeat=150) for key in draw(st.lists(pick("abcdef"), min_size=2, max_size=2))],
    }


SUBSETTING: Told = subsets()
EJECTING: Told = ejecting()
DRAWING: Told = drawing()
SPLITTING: Told = splitting()
AGGREGATING: Told = aggregating()
