"""Retry policies of routes and virtual hosts."""

from collections.abc import Sequence
from typing import Any

from meshio.resilience.back_off import RateLimited, ResetHeader
from meshio.resilience.retry import Retry
from meshio.resilience.retry_on import TOKENS
from meshio.xds.duration import positive, seconds
from meshio.xds.extension import open_message, type_of
from meshio.xds.labels import wanted_labels
from meshio.xds.matching import header_matcher
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import (
    HedgePolicy,
    RetryPolicy,
    RetryPolicyRateLimitedRetryBackOff,
    RetryPolicyResetHeader,
    RetryPolicyResetHeaderFormat,
    RetryPolicyRetryHostPredicate,
    RetryPolicyRetryPriority,
)
from meshio.xds.proto.envoy.extensions.retry.host.omit_host_metadata.v3 import OmitHostMetadataConfig
from meshio.xds.proto.envoy.extensions.retry.priority.previous_priorities.v3 import PreviousPrioritiesConfig
from meshio.xds.shared import shared
from meshio.xds.text import token

PREVIOUS_HOSTS = (
    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    "envoy.retry_host_predicates.previous_hosts",  # without a config, the name alone
)
FORMATS: dict[int, str] = {
    RetryPolicyResetHeaderFormat.SECONDS: "seconds",
    RetryPolicyResetHeaderFormat.UNIX_TIMESTAMP: "at",
}
CANARIES = "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate"
LABELS = "envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig"
PREVIOUS_PRIORITIES = "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
BUFFER_LIMIT = 1024 * 1024
MOST_RETRIES = 1_000_000
"""More are as good as without end, whatever the number."""


def translate_retry(place: Place, policy: RetryPolicy, buffer_limit: int | None, hedged: bool = False) -> Retry | None:
    """A retry policy; None when it says nothing about any try. Defaults are Envoy's (retry_state_impl.cc)."""
    on = retry_conditions(policy.retry_on)
    each = seconds(place.at("per_try_timeout"), policy.per_try_timeout) or None
    idle = seconds(place.at("per_try_idle_timeout"), policy.per_try_idle_timeout) or None
    first, longest = backoff(place.at("retry_back_off"), policy)
    if policy.host_selection_retry_max_attempts < 0:
        raise place.rejected("is negative", "host_selection_retry_max_attempts")
    retry = Retry(
        on=on,
        attempts=min(1 if policy.num_retries is None else policy.num_retries, MOST_RETRIES),
        statuses=frozenset(policy.retriable_status_codes),
        per_try_timeout=each,
        first_delay=first,
        longest_delay=longest,
        priorities=priorities(place.at("retry_priority"), policy.retry_priority),
        host_attempts=policy.host_selection_retry_max_attempts or 1,
        buffer_limit=BUFFER_LIMIT if buffer_limit is None else buffer_limit,
        headers=tuple(
            header_matcher(place.at("retriable_headers", i), each) for i, each in enumerate(policy.retriable_headers)
        ),
        requests=tuple(
            header_matcher(place.at("retriable_request_headers", i), each)
            for i, each in enumerate(policy.retriable_request_headers)
        ),
        per_try_idle=idle,
        rate_limited=rate_limited(place.at("rate_limited_retry_back_off"), policy.rate_limited_retry_back_off),
        hedged=hedged,
        **predicates(place, policy.retry_host_predicate),
    )
    return shared(retry) if on or each or idle else None


def retry_conditions(words: str) -> frozenset[str]:
    """Envoy's words for when to retry. Envoy passes over words that it does not know, and so does this."""
    return frozenset(word.strip() for word in words.split(",")) & TOKENS


def backoff(place: Place, policy: RetryPolicy) -> tuple[float, float]:
    """First and longest delay in seconds: 25 ms and ten times that, unless given. Below a millisecond it is one."""
    if policy.retry_back_off is None:
        return 0.025, 0.25
    first = least(positive(place.at("base_interval"), policy.retry_back_off.base_interval))
    given = policy.retry_back_off.max_interval
    if given is None:
        return first, first * 10
    longest = least(positive(place.at("max_interval"), given))
    if longest < first:
        raise place.rejected("is shorter than base_interval", "max_interval")
    return first, longest


def least(delay: float) -> float:
    return max(delay, 0.001)


def rate_limited(place: Place, given: RetryPolicyRateLimitedRetryBackOff | None) -> RateLimited | None:
    """What responses may say about the next try."""
    if given is None:
        return None
    if not given.reset_headers:
        raise place.rejected("names no header", "reset_headers")
    headers = tuple(reset_header(place.at("reset_headers", i), each) for i, each in enumerate(given.reset_headers))
    if given.max_interval is None:
        return RateLimited(headers)
    return RateLimited(headers, positive(place.at("max_interval"), given.max_interval))


def reset_header(place: Place, header: RetryPolicyResetHeader) -> ResetHeader:
    form = FORMATS.get(header.format)
    if form is None:
        raise place.rejected(f"{int(header.format)} is unknown", "format")
    name = token(place.at("name"), header.name).lower().encode()
    return ResetHeader(name, "at" if form == "at" else "seconds")


def predicates(place: Place, given: Sequence[RetryPolicyRetryHostPredicate]) -> dict[str, Any]:
    """Which hosts a retry had rather not have, in the words of `Retry`."""
    found: dict[str, Any] = {}
    for index, predicate in enumerate(given):
        here = place.at("retry_host_predicate", index)
        kind = type_of(here, predicate.typed_config) or predicate.name
        raw = predicate.typed_config.value if predicate.typed_config is not None else b""
        if kind in PREVIOUS_HOSTS:
            found["avoid_previous"] = True
        elif kind == CANARIES:
            found["avoid_canaries"] = True
        elif kind == LABELS:
            config = open_message(here, OmitHostMetadataConfig, raw)
            found["avoid_labels"] = wanted_labels(config.metadata_match)
        else:
            raise here.rejected(f"{predicate.name!r} is not supported")
    return found


def priorities(place: Place, given: RetryPolicyRetryPriority | None) -> int:
    """After how many tries their priorities are avoided; 0 for never."""
    if given is None:
        return 0
    if type_of(place, given.typed_config) != PREVIOUS_PRIORITIES or given.typed_config is None:
        raise place.rejected(f"{given.name!r} is not supported")
    config = open_message(place, PreviousPrioritiesConfig, given.typed_config.value)
    if config.update_frequency <= 0:
        raise place.rejected("must be more than zero", "update_frequency")
    return config.update_frequency


def translate_hedge(place: Place, policy: HedgePolicy | None) -> bool:
    """Whether a slow try goes on beside the next. The other settings do nothing in Envoy, either."""
    if policy is None:
        return False
    if policy.initial_requests is not None and policy.initial_requests < 1:
        raise place.rejected("must be at least 1", "hedge_policy.initial_requests")
    return policy.hedge_on_per_try_timeout
