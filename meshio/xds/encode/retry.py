"""Retry -> RetryPolicy, and the HedgePolicy beside it."""

from collections.abc import Iterable

from betterproto2 import Message

from meshio.resilience.back_off import RateLimited
from meshio.resilience.question import Question
from meshio.resilience.retry import Retry
from meshio.xds.encode.labels import with_labels
from meshio.xds.encode.matching import add_matcher
from meshio.xds.encode.parts import packed, seconds, text
from meshio.xds.proto.envoy.config.core.v3 import Metadata
from meshio.xds.proto.envoy.config.route.v3 import (
    HeaderMatcher,
    HedgePolicy,
    RetryPolicy,
    RetryPolicyRateLimitedRetryBackOff,
    RetryPolicyResetHeader,
    RetryPolicyResetHeaderFormat,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    RetryPolicyRetryPriority,
    RouteMatch,
)
from meshio.xds.proto.envoy.extensions.retry.host.omit_canary_hosts.v3 import OmitCanaryHostsPredicate
from meshio.xds.proto.envoy.extensions.retry.host.omit_host_metadata.v3 import OmitHostMetadataConfig
from meshio.xds.proto.envoy.extensions.retry.host.previous_hosts.v3 import PreviousHostsPredicate
from meshio.xds.proto.envoy.extensions.retry.priority.previous_priorities.v3 import PreviousPrioritiesConfig

CANARIES = "envoy.retry_host_predicates.omit_canary_hosts"
LABELS = "envoy.retry_host_predicates.omit_host_metadata"
PRIORITIES = "envoy.retry_priorities.previous_priorities"
PREVIOUS_HOSTS = "envoy.retry_host_predicates.previous_hosts"
FORMATS = {"seconds": RetryPolicyResetHeaderFormat.SECONDS, "at": RetryPolicyResetHeaderFormat.UNIX_TIMESTAMP}


def encode_retry(retry: Retry) -> RetryPolicy:
    frequency = PreviousPrioritiesConfig(retry.priorities)
    return RetryPolicy(
        retry_on=",".join(sorted(retry.on)),
        num_retries=retry.attempts,
        per_try_timeout=seconds(retry.per_try_timeout),
        per_try_idle_timeout=seconds(retry.per_try_idle),
        retriable_status_codes=sorted(retry.statuses),
        retriable_headers=encode_headers(retry.headers),
        retriable_request_headers=encode_headers(retry.requests),
        retry_host_predicate=encode_predicates(retry),
        retry_priority=RetryPolicyRetryPriority(PRIORITIES, packed(frequency)) if retry.priorities else None,
        host_selection_retry_max_attempts=retry.host_attempts,
        retry_back_off=encode_back_off(retry),
        rate_limited_retry_back_off=encode_rate_limited(retry.rate_limited) if retry.rate_limited else None,
    )


def encode_predicates(retry: Retry) -> list[RetryPolicyRetryHostPredicate]:
    found: list[tuple[str, Message]] = []
    if retry.avoid_previous:
        found.append((PREVIOUS_HOSTS, PreviousHostsPredicate()))
    if retry.avoid_canaries:
        found.append((CANARIES, OmitCanaryHostsPredicate()))
    if retry.avoid_labels is not None:
        match = with_labels(None, retry.avoid_labels) or Metadata()
        found.append((LABELS, OmitHostMetadataConfig(match)))
    return [RetryPolicyRetryHostPredicate(name=name, typed_config=packed(config)) for name, config in found]


def encode_headers(questions: Iterable[Question]) -> list[HeaderMatcher]:
    """Raises Rejected for conditions that xDS has no words for."""
    match = RouteMatch()
    for question in questions:
        add_matcher(match, question)
    return match.headers


def encode_back_off(retry: Retry) -> RetryPolicyRetryBackOff | None:
    """Nothing when it is Envoy's own."""
    usual = Retry(retry.on)
    if (retry.first_delay, retry.longest_delay) == (usual.first_delay, usual.longest_delay):
        return None
    return RetryPolicyRetryBackOff(base_interval=seconds(retry.first_delay), max_interval=seconds(retry.longest_delay))


def encode_rate_limited(limited: RateLimited) -> RetryPolicyRateLimitedRetryBackOff:
    headers = [RetryPolicyResetHeader(name=text(each.name), format=FORMATS[each.format]) for each in limited.headers]
    return RetryPolicyRateLimitedRetryBackOff(reset_headers=headers, max_interval=seconds(limited.longest))


def encode_hedge(retry: Retry | None) -> HedgePolicy | None:
    return HedgePolicy(hedge_on_per_try_timeout=True) if retry is not None and retry.hedged else None
