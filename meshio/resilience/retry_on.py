"""Is this outcome worth another try? Envoy: retry_state_impl.cc, `wouldRetryFromHeaders` and `wouldRetryFromReset`."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from meshio.errors import ConnectFailed, Overloaded, RequestError, ResetError, TimedOut
from meshio.message import Request, Response
from meshio.resilience.question import Question

Outcome: TypeAlias = Response | RequestError
Judge: TypeAlias = Callable[[Outcome], bool]

ANY_RESET = frozenset({"reset", "5xx", "gateway-error"})  # of a stream, or of our patience with one try
STATUS_TOKENS = {"5xx": range(500, 600), "gateway-error": range(502, 505), "retriable-4xx": range(409, 410)}
TELLING = frozenset({b"grpc-status", b"x-envoy-ratelimited"})
GRPC_TOKENS = {
    "cancelled": b"1",
    "deadline-exceeded": b"4",
    "resource-exhausted": b"8",
    "internal": b"13",
    "unavailable": b"14",
}
HTTP_TOKENS = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure refused-stream retriable-4xx "
    "retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure".split()
)
TOKENS = HTTP_TOKENS | GRPC_TOKENS.keys()


def compile_judge(on: frozenset[str], statuses: frozenset[int], headers: Iterable[Question]) -> Judge:
    """Compile Envoy's tokens into one question; `statuses` and `headers` are what two of the tokens are about."""
    retriable_error, retriable_response = judge_error(on), judge_response(on, statuses, headers)

    def worthwhile(outcome: Outcome) -> bool:
        return retriable_error(outcome) if isinstance(outcome, RequestError) else retriable_response(outcome)

    return worthwhile


def judge_error(on: frozenset[str]) -> Callable[[RequestError], bool]:
    """An open circuit breaker is never retried, nor what was decided without any host."""
    after_reset = bool(on & ANY_RESET)
    before_request = after_reset or "reset-before-request" in on
    unconnected = before_request or "connect-failure" in on

    def retriable(error: RequestError) -> bool:
        match error:
            case Overloaded():
                return False
            case ConnectFailed():
                return unconnected
            case ResetError():
                return after_reset if error.sent else before_request
            case TimedOut():
                return after_reset
        return False

    return retriable


def judge_response(
    on: frozenset[str], statuses: frozenset[int], headers: Iterable[Question]
) -> Callable[[Response], bool]:
    """Status, headers and gRPC status of the response head; any response may be gRPC's."""
    by_head = judge_head(on, statuses)
    tests = [header.test() for header in headers] if "retriable-headers" in on else []

    def retriable(response: Response) -> bool:
        return by_head(response) or (not limited(response) and any(test(shown(response)) for test in tests))

    return retriable if tests else by_head


def judge_head(on: frozenset[str], statuses: frozenset[int]) -> Callable[[Response], bool]:
    worthy, rate_limited = retriable_statuses(on, statuses), "envoy-ratelimited" in on
    codes = frozenset(code for token, code in GRPC_TOKENS.items() if token in on)
    heads_count = bool(codes) or rate_limited

    def retriable(response: Response) -> bool:
        verdict = response.status in worthy
        if verdict or heads_count:
            for name, value in response.headers:
                if name in TELLING:
                    if name == b"x-envoy-ratelimited":
                        return rate_limited
                    if value in codes:
                        verdict = True
        return verdict

    return retriable


def retriable_statuses(on: frozenset[str], statuses: frozenset[int]) -> frozenset[int]:
    worthy = set(statuses) if "retriable-status-codes" in on else set()
    for token, meant in STATUS_TOKENS.items():
        if token in on:
            worthy.update(meant)
    return frozenset(worthy)


def limited(response: Response) -> bool:
    """Envoy further up has refused the request for its rate."""
    return response.header(b"x-envoy-ratelimited") is not None


def shown(response: Response) -> Request:
    """A response as conditions on headers see it: they ask about requests, and its status is a header, too."""
    return Request(b"", b"", b"", [(b":status", b"%d" % response.status), *response.headers])
