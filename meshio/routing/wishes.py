"""What a request that is trusted says itself about retries and timeouts, in place of its route (`x-envoy-*`).

Envoy: router.cc `finalTimeout`, `finalHedgingParams` and `StrictHeaderChecker`, retry_state_impl.cc. What it says is
a route action of its own, made once for each set of words and compiled like any other.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from meshio.errors import RefusedHeader
from meshio.matching import HeaderPresent
from meshio.message import Headers, Request
from meshio.resilience.retry import Retry
from meshio.resilience.retry_on import GRPC_TOKENS, HTTP_TOKENS
from meshio.routing.filters import Filter
from meshio.routing.route import Forward

Wishes: TypeAlias = tuple[tuple[bytes, bytes], ...]

PREFIX = b"x-envoy-"
RETRY_ON, RETRY_GRPC_ON, MAX_RETRIES = PREFIX + b"retry-on", PREFIX + b"retry-grpc-on", PREFIX + b"max-retries"
STATUS_CODES, HEADER_NAMES = PREFIX + b"retriable-status-codes", PREFIX + b"retriable-header-names"
HEDGE, ALTERNATIVE = PREFIX + b"hedge-on-per-try-timeout", PREFIX + b"upstream-rq-timeout-alt-response"
TIMEOUT, EACH = PREFIX + b"upstream-rq-timeout-ms", PREFIX + b"upstream-rq-per-try-timeout-ms"
DURATION, EXPECTED = PREFIX + b"upstream-stream-duration-ms", PREFIX + b"expected-rq-timeout-ms"
HEARD = frozenset(
    (RETRY_ON, RETRY_GRPC_ON, MAX_RETRIES, STATUS_CODES, HEADER_NAMES, HEDGE, ALTERNATIVE, TIMEOUT, EACH, DURATION)
) | {PREFIX + b"upstream-alt-stat-name"}
"""They go no further."""
STRICT = frozenset((TIMEOUT, EACH, MAX_RETRIES, RETRY_ON, RETRY_GRPC_ON))


@dataclass(frozen=True, slots=True)
class Router:
    """The settings of the router filter.

    respects    a trusted request's `x-envoy-expected-rq-timeout-ms` is the timeout of its route
    suppresses  no `x-envoy-*` header of the router's own is added, either way
    strict      headers of which a value that means nothing is answered with 400
    filters     that a request passes when its host is chosen, where the cluster has none of its own
    """

    respects: bool = False
    suppresses: bool = False
    strict: frozenset[bytes] = frozenset()
    filters: tuple[Filter, ...] = ()


PLAIN_ROUTER = Router()


def wishes_of(headers: Headers, router: Router) -> Wishes:
    """What these headers say that counts."""
    return tuple(header for header in headers if header[0] in HEARD or (router.respects and header[0] == EXPECTED))


def unheard(headers: Headers, router: Router) -> Headers:
    """The headers without those that were for the router."""
    kept = HEARD
    if router.respects and any(name == EXPECTED for name, _ in headers):
        kept = HEARD - {TIMEOUT}
    return [header for header in headers if header[0] not in kept]


def check(request: Request, router: Router) -> None:
    """Raises RefusedHeader."""
    for name, value in request.headers:
        if name in router.strict and not meaningful(name, value):
            raise RefusedHeader(name, value)


def meaningful(name: bytes, value: bytes) -> bool:
    if name == RETRY_ON:
        return all(word in HTTP_TOKENS for word in words(value))
    if name == RETRY_GRPC_ON:
        return all(word in GRPC_TOKENS for word in words(value))
    return number(value) is not None


def words(value: bytes) -> list[str]:
    return [word for each in value.decode("latin-1").split(",") if (word := each.strip())]


def number(value: bytes | None) -> int | None:
    """A whole number that is not negative; None for what is none."""
    return int(value) if value is not None and value.isdigit() and len(value) < 20 else None


def granted(forward: Forward, wishes: Wishes, router: Router) -> Forward:
    """The route's action as the request wants it."""
    said = dict(reversed(wishes))  # the first of several counts
    own = said.get(EXPECTED) if router.respects and EXPECTED in said else said.get(TIMEOUT)
    timeout, longest = number(own), number(said.get(DURATION))
    return replace(
        forward,
        timeout=forward.timeout if timeout is None else timeout / 1000 or None,
        timeout_status=204 if ALTERNATIVE in said else forward.timeout_status,
        retry=granted_retry(forward.retry, said),
        longest_try=forward.longest_try if longest is None else longest / 1000 or None,
        duration=None if timeout is not None and forward.duration is None else forward.duration,
    )


def granted_retry(policy: Retry | None, said: dict[bytes, bytes]) -> Retry | None:
    """The route's policy with what the request adds; None without either."""
    base = policy or Retry(frozenset())
    on = base.on | (HTTP_TOKENS & set(words(said.get(RETRY_ON, b"")))) | (
        GRPC_TOKENS.keys() & set(words(said.get(RETRY_GRPC_ON, b"")))
    )  # fmt: skip
    codes = {int(word) for word in words(said.get(STATUS_CODES, b"")) if word.isdecimal()}
    names = [HeaderPresent(word.lower().encode()) for word in words(said.get(HEADER_NAMES, b""))]
    most, each = number(said.get(MAX_RETRIES)), number(said.get(EACH))
    hedged = {b"true": True, b"false": False}.get(said.get(HEDGE, b""), base.hedged)
    retry = replace(
        base,
        on=on,
        attempts=base.attempts if most is None or not on else min(most, 1_000_000),
        statuses=base.statuses | codes,
        headers=(*base.headers, *names),
        per_try_timeout=base.per_try_timeout if each is None else each / 1000 or None,
        hedged=hedged,
    )
    return retry if on or retry.per_try_timeout or retry.per_try_idle else None
