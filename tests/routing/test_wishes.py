"""What a trusted request says is a route action of its own (parity topic envoy_headers holds it to Envoy)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import RefusedHeader
from meshio.matching import HeaderPresent
from meshio.message import Request
from meshio.resilience.retry import Retry
from meshio.routing.route import Forward, WeightedCluster
from meshio.routing.wishes import HEARD, STRICT, Router, check, granted, unheard, wishes_of

PLAIN = Router()
A = (WeightedCluster("a"),)
ROUTE = Forward(A)


def said(router: Router = PLAIN, forward: Forward = ROUTE, **words: str) -> Forward:
    headers = [(b"x-envoy-" + name.replace("_", "-").encode(), value.encode()) for name, value in words.items()]
    return granted(forward, wishes_of(headers, router), router)


@pytest.mark.parametrize(
    ("words", "retry"),
    [
        ({"retry_on": "5xx, moon,reset"}, Retry(frozenset({"5xx", "reset"}))),
        ({"retry_on": "cancelled"}, None),
        ({"retry_grpc_on": "cancelled,5xx"}, Retry(frozenset({"cancelled"}))),
        ({"retry_on": "5xx", "max_retries": "7"}, Retry(frozenset({"5xx"}), 7)),
        ({"retry_on": "5xx", "max_retries": "-7"}, Retry(frozenset({"5xx"}))),
        ({"max_retries": "7"}, None),
        ({"upstream_rq_per_try_timeout_ms": "50"}, Retry(frozenset(), per_try_timeout=0.05)),
        ({"upstream_rq_per_try_timeout_ms": "0"}, None),
        ({"retry_on": "5xx", "hedge_on_per_try_timeout": "true"}, Retry(frozenset({"5xx"}), hedged=True)),
        ({"retry_on": "5xx", "hedge_on_per_try_timeout": "yes"}, Retry(frozenset({"5xx"}))),
        (
            {"retry_on": "retriable-status-codes", "retriable_status_codes": "418, x,400"},
            Retry(frozenset({"retriable-status-codes"}), statuses=frozenset({418, 400})),
        ),
        (
            {"retry_on": "retriable-headers", "retriable_header_names": "X-A"},
            Retry(frozenset({"retriable-headers"}), headers=(HeaderPresent(b"x-a"),)),
        ),
    ],
)
def test_words_about_retries(words: dict[str, str], retry: Retry | None) -> None:
    assert said(**words).retry == retry


def test_words_add_to_the_route_s_policy() -> None:
    own = Forward(A, retry=Retry(frozenset({"5xx"}), 2, frozenset({419}), hedged=True))
    retry = said(PLAIN, own, retry_on="reset", retriable_status_codes="418", hedge_on_per_try_timeout="false").retry
    assert retry == Retry(frozenset({"5xx", "reset"}), 2, frozenset({418, 419}))


def test_words_about_time() -> None:
    assert said(upstream_rq_timeout_ms="1500").timeout == 1.5
    assert said(upstream_rq_timeout_ms="0").timeout is None
    assert said(upstream_rq_timeout_ms="soon").timeout == 15.0
    assert said(upstream_rq_timeout_alt_response="").timeout_status == 204
    assert said(upstream_stream_duration_ms="250").longest_try == 0.25
    assert said(expected_rq_timeout_ms="250").timeout == 15.0
    assert said(Router(respects=True), expected_rq_timeout_ms="250", upstream_rq_timeout_ms="9").timeout == 0.25


def test_what_was_heard_goes_no_further() -> None:
    headers = [(name, b"1") for name in sorted(HEARD)]
    kept = [(b"x-envoy-expected-rq-timeout-ms", b"9"), (b"x-user", b"ann")]
    assert unheard(headers + kept, PLAIN) == kept
    assert unheard(headers + kept, Router(respects=True)) == [(b"x-envoy-upstream-rq-timeout-ms", b"1"), *kept]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("upstream-rq-timeout-ms", b"1", b"x"), ("upstream-rq-per-try-timeout-ms", b"0", b"-1"),
        ("max-retries", b"2", b""), ("retry-on", b"5xx, reset", b"5xx,cancelled"), ("retry-on", b"", b"moon"),
        ("retry-grpc-on", b"cancelled", b"5xx"),
    ],
)  # fmt: skip
def test_a_strict_router_refuses_what_means_nothing(name: str, good: bytes, bad: bytes) -> None:
    key = b"x-envoy-" + name.encode()
    check(Request(b"GET", b"a", b"/", [(key, good)]), Router(strict=STRICT))
    check(Request(b"GET", b"a", b"/", [(key, bad)]), PLAIN)
    with pytest.raises(RefusedHeader) as refused:
        check(Request(b"GET", b"a", b"/", [(key, bad)]), Router(strict=STRICT))
    assert refused.value.body == b"invalid header '%b' with value '%b'" % (key, bad)
    assert (refused.value.status, refused.value.flag) == (400, "IH")


@given(st.lists(st.tuples(st.sampled_from(sorted(HEARD)), st.binary(max_size=20))))
def test_no_words_break_the_route(headers: list[tuple[bytes, bytes]]) -> None:
    forward = granted(Forward(A), wishes_of(headers, PLAIN), PLAIN)
    assert forward.clusters == A
    assert forward.timeout is None or forward.timeout > 0
