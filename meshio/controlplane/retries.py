"""HTTPRetry -> Retry (istiod: core/route/retry/retry.go)."""

from http import HTTPStatus

from meshio.controlplane.virtual_service import HttpRetry
from meshio.resilience.retry import Retry

DEFAULT_ON = frozenset({"connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"})
DEFAULT_ATTEMPTS = 2
HOST_ATTEMPTS = 5
STATUS_CODES = frozenset(status.value for status in HTTPStatus)


def retry_of(wanted: HttpRetry | None, hashed: bool) -> Retry | None:
    """What Istio makes of `retries`: its default where nothing is said, nothing for `attempts: 0`.

    `hashed`: the destination hashes consistently, and a retry stays with the host that the hash picks.
    """
    if wanted is None:
        return Retry(DEFAULT_ON, DEFAULT_ATTEMPTS, avoid_previous=not hashed, host_attempts=HOST_ATTEMPTS)
    if wanted.attempts == 0:
        return None
    on, statuses = (DEFAULT_ON, frozenset[int]()) if not wanted.retry_on else conditions(wanted.retry_on)
    base = Retry(on).first_delay if wanted.backoff is None else float(wanted.backoff)
    ignore = wanted.retry_ignore_previous_hosts
    return Retry(
        on=on,
        attempts=wanted.attempts,
        statuses=statuses,
        per_try_timeout=float(wanted.per_try_timeout) if wanted.per_try_timeout else None,
        first_delay=base,
        longest_delay=10 * base,
        avoid_previous=not hashed if ignore is None else ignore,
        host_attempts=HOST_ATTEMPTS,
    )


def conditions(retry_on: str) -> tuple[frozenset[str], frozenset[int]]:
    """Envoy's tokens, and the status codes that Istio allows between them."""
    words = [word.strip() for word in retry_on.split(",") if word.strip()]
    statuses = frozenset(int(word) for word in words if word.isdecimal() and int(word) in STATUS_CODES)
    tokens = frozenset(word for word in words if not (word.isdecimal() and int(word) in STATUS_CODES))
    return (tokens | {"retriable-status-codes"} if statuses else tokens), statuses
