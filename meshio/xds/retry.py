"""Retry policies of routes and virtual hosts."""

from meshio.resilience.retry import Retry
from meshio.xds.duration import positive, seconds
from meshio.xds.extension import type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import RetryPolicy, RetryPolicyRetryHostPredicate
from meshio.xds.shared import shared

CONDITIONS = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure refused-stream retriable-4xx "
    "retriable-status-codes envoy-ratelimited "
    "cancelled deadline-exceeded internal resource-exhausted unavailable".split()
)
WITHOUT_EFFECT = frozenset(("retriable-headers", "http3-post-connect-failure"))
"""Nothing here can set them off: header lists are refused, HTTP/3 is not spoken."""

PREVIOUS_HOSTS = (
    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    "envoy.retry_host_predicates.previous_hosts",  # without a config, the name alone
)
BUFFER_LIMIT = 1024 * 1024


def translate_retry(place: Place, policy: RetryPolicy, buffer_limit: int | None) -> Retry | None:
    """A retry policy; None when it never retries. Defaults are Envoy's (retry_state_impl.cc)."""
    on = retry_conditions(place, policy.retry_on)
    attempts = 1 if policy.num_retries is None else policy.num_retries
    if not on or not attempts:
        return None
    first, longest = backoff(place.at("retry_back_off"), policy)
    retry = Retry(
        on=on,
        attempts=attempts,
        statuses=frozenset(policy.retriable_status_codes),
        per_try_timeout=seconds(place.at("per_try_timeout"), policy.per_try_timeout) or None,
        first_delay=first,
        longest_delay=longest,
        avoid_previous=avoids_previous(place, policy.retry_host_predicate),
        host_attempts=policy.host_selection_retry_max_attempts or 1,
        buffer_limit=BUFFER_LIMIT if buffer_limit is None else buffer_limit,
    )
    return shared(retry)


def retry_conditions(place: Place, words: str) -> frozenset[str]:
    """Envoy's words for when to retry. One that is unknown might be one that matters."""
    found = frozenset(word.strip() for word in words.split(",") if word.strip()) - WITHOUT_EFFECT
    if unknown := sorted(found - CONDITIONS):
        raise place.rejected(f"{unknown[0]!r} is not supported", "retry_on")
    return found


def backoff(place: Place, policy: RetryPolicy) -> tuple[float, float]:
    """First and longest delay in seconds: 25 ms and ten times that, unless given."""
    if policy.retry_back_off is None:
        return 0.025, 0.25
    first = positive(place.at("base_interval"), policy.retry_back_off.base_interval)
    longest = seconds(place.at("max_interval"), policy.retry_back_off.max_interval)
    if longest is not None and longest < first:
        raise place.rejected("is shorter than base_interval", "max_interval")
    return first, first * 10 if longest is None else longest


def avoids_previous(place: Place, predicates: list[RetryPolicyRetryHostPredicate]) -> bool:
    """Whether a retry looks for a host that was not tried yet: the one predicate there is."""
    for index, predicate in enumerate(predicates):
        here = place.at("retry_host_predicate", index)
        if (type_of(here, predicate.typed_config) or predicate.name) not in PREVIOUS_HOSTS:
            raise here.rejected(f"{predicate.name!r} is not supported")
    return bool(predicates)
