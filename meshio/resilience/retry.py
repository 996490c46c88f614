"""Try again: when, how often, after how long. Envoy: retry_state_impl.cc."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """A route's retry policy.

    on                   Envoy's tokens: `5xx gateway-error reset reset-before-request connect-failure refused-stream
                         retriable-4xx retriable-status-codes envoy-ratelimited cancelled deadline-exceeded internal
                         resource-exhausted unavailable`
    attempts             retries after the first try (Envoy's num_retries)
    statuses             for `retriable-status-codes`
    per_try_timeout      seconds, None for none
    first_delay, longest_delay   back-off: before retry N uniform in [0, min(longest, first * 2**(N-1)))
    avoid_previous       the previous_hosts predicate: prefer hosts not tried yet
    host_attempts        how often to look for such a host before taking any
    buffer_limit         bytes of a streamed request body kept for replay; beyond it the request is not retried
    """

    on: frozenset[str]
    attempts: int = 1
    statuses: frozenset[int] = frozenset()
    per_try_timeout: float | None = None
    first_delay: float = 0.025
    longest_delay: float = 0.25
    avoid_previous: bool = False
    host_attempts: int = 1
    buffer_limit: int = 1024 * 1024
