"""Random clusters and upstreams: who is picked by hash, what is retried, what is too much."""

from typing import Any

from hypothesis import strategies as st

from harness.areas.words import Told, kind, merged, one_of, pick, several, some
from harness.case import Json

# ---- who is picked, by hash --------------------------------------------------------------------------------------

HOSTS = ("h1", "h2", "h3", "h4", "h5", "h6")
HEALTH = ("HEALTHY", "UNKNOWN", "HEALTHY", "UNHEALTHY", "DEGRADED", "DRAINING", "TIMEOUT")
HASH = one_of(
    kind("header", st.just({"header_name": "x-k"})),
    kind("query_parameter", st.just({"name": "q"})),
    kind("cookie", st.just({"name": "c"})),
)
POLICIES = several(merged(HASH, some(terminal=st.booleans())), 1, 2)
RING = merged(
    st.just({"lb_policy": "RING_HASH"}),
    some(ring_hash_lb_config=some(minimum_ring_size=pick((1, 7, 64)), maximum_ring_size=pick((64, 100)))),
)
MAGLEV = merged(st.just({"lb_policy": "MAGLEV"}), some(maglev_lb_config=some(table_size=pick((7, 31, 101)))))
COMMON = some(healthy_panic_threshold=kind("value", pick((0, 30, 50, 100))), locality_weighted_lb_config=st.just({}))


@st.composite
def fleets(draw: st.DrawFn) -> list[Json]:
    """Localities of several priorities over hosts of which each is used once."""
    hosts = list(HOSTS[: draw(st.integers(1, len(HOSTS)))])
    found = []
    for at in range(draw(st.integers(1, min(3, len(hosts))))):
        cut = draw(st.integers(0, len(hosts)))
        mine, hosts = hosts[:cut], hosts[cut:]
        told: Json = {"locality": {"zone": f"z{at}"}, "lb_endpoints": [draw(endpoint(name)) for name in mine]}
        found.append({**told, **draw(some(priority=pick((0, 0, 1)), load_balancing_weight=pick((1, 2, 5))))})
    return found


def endpoint(name: str) -> Told:
    return merged(st.just({"to": name}), some(health_status=pick(HEALTH), load_balancing_weight=pick((1, 2, 3))))


@st.composite
def hashing(draw: st.DrawFn) -> Json:
    """One cluster that picks by hash, and keys."""
    cluster = {
        **draw(one_of(RING, MAGLEV)),
        "load_assignment": {
            "endpoints": draw(fleets()),
            **draw(some(policy=kind("overprovisioning_factor", pick((100, 140, 200))))),
        },
        "common_lb_config": draw(COMMON),
    }
    route = {"match": {"prefix": "/"}, "route": {"cluster": "up", "hash_policy": draw(POLICIES)}}
    return {
        "routes": [route],
        "clusters": {"up": cluster},
        "upstreams": list(HOSTS),
        "requests": [{"path": f"/?q={key}", "headers": {"x-k": key, "cookie": f"c={key}"}} for key in draw(KEYS)],
    }


KEYS = several(st.text("abcdef", min_size=1, max_size=4), 5, 8)

# ---- what is retried ---------------------------------------------------------------------------------------------

TOKENS = (
    "5xx", "gateway-error", "reset", "connect-failure", "retriable-4xx", "refused-stream", "retriable-status-codes",
    "retriable-headers", "reset-before-request", "cancelled", "unavailable", "envoy-ratelimited", "deadline-exceeded",
)  # fmt: skip
STATUSES = (200, 201, 400, 409, 429, 500, 502, 503, 504)
HEADS = ("grpc-status: 14", "grpc-status: 1", "grpc-status: 0", "x-envoy-ratelimited: true", "x-r: 1")
GRPC = st.lists(pick(HEADS), max_size=2, unique_by=lambda line: line.partition(":")[0])
REPLY = one_of(
    pick(("ok", "close", "reset", "garbage", "half")),
    st.tuples(pick(STATUSES), GRPC).map(
        lambda told: {"status": told[0], "headers": [line.split(": ") for line in told[1]]}
    ),
    st.tuples(pick(STATUSES), GRPC).map(
        lambda told: {"status": told[0], "headers": [line.split(": ") for line in told[1]]}
    ),
)
QUICK = {"base_interval": "0.001s", "max_interval": "0.001s"}
POLICY = merged(
    kind("retry_on", several(pick(TOKENS), 1, 4).map(",".join)),
    st.just({"retry_back_off": QUICK}),
    some(
        num_retries=st.integers(0, 3),
        retriable_status_codes=several(pick(STATUSES), 1, 2),
        retriable_headers=st.just([{"name": "x-r", "string_match": {"exact": "1"}}]),
        retriable_request_headers=st.just([{"name": ":method", "string_match": {"exact": "GET"}}]),
    ),
)


@st.composite
def retrying(draw: st.DrawFn) -> Json:
    """One upstream with a script, and a policy."""
    action: dict[str, Any] = {"cluster": "up", "retry_policy": draw(POLICY)}
    host = {"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": action}]}
    asks = pick(
        (
            "/",
            "POST /",
            {"method": "POST", "body": "abc"},
            {"method": "POST", "headers": {"content-type": "application/grpc"}},
        )
    )
    return {
        "routes": {"virtual_hosts": [{**host, **draw(some(include_request_attempt_count=st.just(True)))}]},
        "upstreams": {"up": draw(several(REPLY, 1, 8))},
        "requests": draw(several(asks, 4, 6)),
    }


# ---- what is too much --------------------------------------------------------------------------------------------


@st.composite
def crowded(draw: st.DrawFn) -> Json:
    """Requests of both priorities at once, at a cluster with limits; the upstream takes a while."""
    counts = st.integers(0, 4)
    waiting = kind("max_pending_requests", counts).map(lambda told: {"max_connections": 1, **told})
    limits = st.tuples(st.just({}) | waiting, some(max_requests=counts)).map(lambda told: {**told[0], **told[1]})
    normal, high = draw(limits), {"priority": "HIGH", **draw(limits)}
    beside = [{"path": "/high"}] * draw(st.integers(0, 4))
    return {
        "clusters": {"up": {"to": ["up"], "circuit_breakers": {"thresholds": draw(st.permutations([normal, high]))}}},
        "routes": [
            {"match": {"prefix": "/high"}, "route": {"cluster": "up", "priority": "HIGH"}},
            {"match": {"prefix": "/"}, "route": {"cluster": "up"}},
        ],
        "upstreams": {"up": [{"delay": 0.15}]},
        "requests": [  # the first ones connect
            "/",
            "/high",
            {"repeat": draw(st.integers(1, 5)), "together": True, "beside": beside},
        ],
    }


HASHING: Told = hashing()
RETRYING: Told = retrying()
CROWDED: Told = crowded()
