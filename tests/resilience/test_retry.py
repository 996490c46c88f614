"""When a request is tried again, and when it must not be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from meshio.errors import (
    ConnectFailed,
    ConnectTimedOut,
    NoHealthyHost,
    Overloaded,
    ProtocolBroken,
    RequestError,
    Reset,
    TimedOut,
)
from meshio.matching import Exact, Header, HeaderPresent
from meshio.message import Body, Request, Response, Send
from meshio.resilience.back_off import RateLimited, ResetHeader
from meshio.resilience.retry import Retry

ISTIO = frozenset("connect-failure refused-stream unavailable cancelled retriable-status-codes".split())
Step = int | RequestError | tuple[int, list[tuple[bytes, bytes]]]


class Breaker:
    """Grants a number of retries, and counts those under way."""

    def __init__(self, grants: int = 99) -> None:
        self.grants = grants
        self.running = 0

    def start_retry(self, counted: bool = False) -> bool:
        self.grants -= 1
        self.running += self.grants >= 0
        return self.grants >= 0

    def end_retry(self) -> None:
        self.running -= 1


class Watched(Body):
    """A body that tells whether it was closed."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        super().__init__(b"unread")
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


class Upstream:
    """Answers with one step after the other; the last one again and again."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.responses: list[Response] = []
        self.bodies: list[bytes] = []

    @property
    def tries(self) -> int:
        return len(self.bodies)

    async def __call__(self, request: Request) -> Response:
        body = request.body if isinstance(request.body, bytes) else b"".join([chunk async for chunk in request.body])
        self.bodies.append(body)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, RequestError):
            raise step
        status, headers = (step, []) if isinstance(step, int) else step
        self.responses.append(Response(status, headers, Watched(), request.record))
        return self.responses[-1]


def asked(body: bytes | AsyncIterator[bytes] = b"") -> Request:
    return Request(b"POST", b"reviews", b"/", [], body)


def retrying(on: str = "5xx", attempts: int = 2, statuses: frozenset[int] = frozenset()) -> Retry:
    return Retry(frozenset(on.split()), attempts, statuses, first_delay=0.0)


def run(send: Send, request: Request | None = None) -> Response | RequestError:
    async def main() -> Response | RequestError:
        try:
            return await send(request or asked())
        except RequestError as error:
            return error

    return asyncio.run(main(), debug=True)


def tries(retry: Retry, *steps: Step) -> int:
    upstream, breaker = Upstream(*steps), Breaker()
    run(retry.around(upstream, breaker))
    assert breaker.running == 0
    return upstream.tries


@pytest.mark.parametrize(
    ("token", "retried"),
    [
        ("5xx", {500, 501, 502, 503, 504, 599}),
        ("gateway-error", {502, 503, 504}),
        ("retriable-4xx", {409}),
        ("retriable-status-codes", {418, 503}),
        ("connect-failure", set()),
        ("reset", set()),
        ("unavailable", set()),
    ],
)
def test_which_statuses_are_tried_again(token: str, retried: set[int]) -> None:
    retry = retrying(token, 1, frozenset({418, 503}))
    statuses = [200, 404, 409, 418, 429, 500, 501, 502, 503, 504, 599]
    assert {status for status in statuses if tries(retry, status) == 2} == retried


CONNECT, RESET, BROKEN = ConnectFailed("refused"), Reset("closed"), ProtocolBroken("garbage")
TIMEOUT, FULL, NOBODY = TimedOut("late"), Overloaded("full"), NoHealthyHost("nobody")


@pytest.mark.parametrize(
    ("token", "retried"),
    [
        ("5xx", {CONNECT, RESET, BROKEN, TIMEOUT}),
        ("gateway-error", {CONNECT, RESET, BROKEN, TIMEOUT}),
        ("reset", {CONNECT, RESET, BROKEN, TIMEOUT}),
        ("connect-failure", {CONNECT}),
        ("reset-before-request", {CONNECT}),
        ("retriable-status-codes", set()),
        ("unavailable", set()),
    ],
)
def test_which_failures_are_tried_again(token: str, retried: set[RequestError]) -> None:
    failures = [CONNECT, RESET, BROKEN, TIMEOUT, FULL, NOBODY]
    assert {failure for failure in failures if tries(retrying(token, 1), failure) == 2} == retried


def test_a_connect_timeout_is_a_connect_failure() -> None:
    assert tries(retrying("connect-failure"), ConnectTimedOut("late"), 200) == 2


def test_a_reset_before_anything_was_sent_is_before_the_request() -> None:
    unsent = Reset("closed")
    unsent.sent = False
    assert tries(retrying("reset-before-request"), unsent, 200) == 2


@pytest.mark.parametrize(
    ("token", "code"),
    [("cancelled", 1), ("deadline-exceeded", 4), ("resource-exhausted", 8), ("internal", 13), ("unavailable", 14)],
)
def test_grpc_tokens_look_at_the_response_head_of_any_request(token: str, code: int) -> None:
    failed = (200, [(b"x", b"y"), (b"grpc-status", b"%d" % code)])
    assert tries(retrying(token), failed, 200) == 2
    assert tries(retrying(token), (200, [(b"grpc-status", b"0")])) == 1


def test_a_rate_limited_response_is_tried_again_only_if_that_is_asked_for() -> None:
    limited = (503, [(b"x-envoy-ratelimited", b"true")])
    assert tries(retrying("5xx"), limited, 200) == 1
    assert tries(retrying("5xx envoy-ratelimited"), limited, 200) == 2
    assert tries(retrying("envoy-ratelimited"), (429, [(b"x-envoy-ratelimited", b"true")]), 200) == 2


def test_headers_of_the_response_can_be_a_reason() -> None:
    questions = (Header(b"x-state", Exact(b"warming")), Header(b":status", Exact(b"418")))
    retry = replace(retrying("retriable-headers", 1), headers=questions)
    assert tries(retry, (200, [(b"x-state", b"warming")]), 200) == 2
    assert tries(retry, (200, [(b"x-state", b"cold")])) == 1
    assert tries(retry, 418, 200) == 2
    assert tries(retry, 503) == 1
    assert tries(retry, CONNECT) == 1
    limited = [(b"x-state", b"warming"), (b"x-envoy-ratelimited", b"")]
    assert tries(retry, (200, limited)) == 1
    assert tries(replace(retry, on=frozenset({"5xx"})), (200, [(b"x-state", b"warming")])) == 1


def test_istios_default_does_not_retry_a_503_but_a_refused_connection() -> None:
    retry = Retry(ISTIO, attempts=2, first_delay=0.0)
    assert tries(retry, 503) == 1
    assert tries(retry, CONNECT) == 3


def test_success_ends_it_and_earlier_responses_are_closed() -> None:
    upstream = Upstream(503, 503, 200)
    response = run(retrying().around(upstream, Breaker()))
    assert isinstance(response, Response)
    assert response.status == 200
    assert [each.body.closed for each in upstream.responses if isinstance(each.body, Watched)] == [True, True, False]
    assert response.record.flags == []


def test_the_last_response_is_the_answer_and_the_record_says_that_the_limit_was_reached() -> None:
    request = asked()
    response = run(retrying(attempts=2).around(upstream := Upstream(503), Breaker()), request)
    assert isinstance(response, Response)
    assert response.status == 503
    assert upstream.tries == 3
    assert request.record.flags == ["URX"]


def test_the_last_failure_says_that_it_was_retried() -> None:
    once, last = ConnectFailed("first"), ConnectFailed("last")
    request = asked()
    error = run(retrying(attempts=1).around(Upstream(once, last), Breaker()), request)
    assert error is last
    assert b"retried and the latest reset reason: remote connection failure" in last.body
    assert not once.retried
    assert request.record.flags == ["URX"]


def test_a_full_circuit_breaker_stops_retries() -> None:
    request, upstream, breaker = asked(), Upstream(503), Breaker(grants=1)
    response = run(retrying(attempts=5).around(upstream, breaker), request)
    assert isinstance(response, Response)
    assert upstream.tries == 2
    assert request.record.flags == ["UO"]
    assert breaker.running == 0


def test_cancellation_while_backing_off_gives_the_retry_back() -> None:
    breaker = Breaker()
    retry = Retry(frozenset({"5xx"}), first_delay=1e9, longest_delay=1e9)

    async def main() -> None:
        task = asyncio.create_task(run_forever(retry.around(Upstream(503), breaker)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert breaker.running == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def run_forever(send: Send) -> Response:
        return await send(asked())

    asyncio.run(main(), debug=True)
    assert breaker.running == 0


def test_the_back_off_doubles_up_to_its_bound() -> None:
    """5,000 draws each: the largest is within 1 % of its bound, but for one run in e**50."""
    retry = Retry(frozenset(), first_delay=0.1, longest_delay=0.5)
    for number, bound in [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5), (9, 0.5)]:
        delays = [retry.delay(number) for _ in range(5_000)]
        assert bound * 0.99 < max(delays) < bound
        assert min(delays) < bound * 0.01


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_a_streamed_body_is_sent_again_in_full() -> None:
    upstream = Upstream(503, 503, 200)
    response = run(retrying().around(upstream, Breaker()), asked(chunks(b"ab", b"c", b"")))
    assert isinstance(response, Response)
    assert upstream.bodies == [b"abc"] * 3


def test_a_body_that_was_not_asked_for_is_still_whole_later() -> None:
    upstream = Upstream(200)

    async def refuse_once(request: Request, calls: list[int] = []) -> Response:  # noqa: B006
        calls.append(1)
        if len(calls) == 1:
            raise ConnectFailed("refused")
        return await upstream(request)

    run(retrying().around(refuse_once, Breaker()), asked(chunks(b"ab", b"c")))
    assert upstream.bodies == [b"abc"]


def partly(reads: int, then: Callable[[Request], Awaitable[Response]]) -> Send:
    """Reads some chunks and fails; afterwards hands over."""
    failed: list[Request] = []

    async def send(request: Request) -> Response:
        if failed:
            return await then(request)
        failed.append(request)
        assert not isinstance(request.body, bytes)
        stream = aiter(request.body)
        for _ in range(reads):
            await anext(stream)
        raise Reset("closed")

    return send


def test_a_body_that_was_read_in_part_goes_on_where_it_stopped() -> None:
    upstream = Upstream(200)
    run(retrying().around(partly(2, upstream), Breaker()), asked(chunks(b"a", b"b", b"c")))
    assert upstream.bodies == [b"abc"]


def test_a_body_beyond_the_limit_is_sent_once() -> None:
    retry = Retry(frozenset({"5xx"}), first_delay=0.0, buffer_limit=3)
    upstream, request = Upstream(503), asked(chunks(b"ab", b"cd", b"ef"))
    response = run(retry.around(upstream, Breaker()), request)
    assert isinstance(response, Response)
    assert upstream.bodies == [b"abcdef"]
    assert request.record.flags == []
    exactly = Upstream(503)
    run(retry.around(exactly, Breaker()), asked(chunks(b"ab", b"c")))
    assert exactly.bodies == [b"abc"] * 2


def test_a_body_whose_source_was_interrupted_is_not_sent_again() -> None:
    """Nobody knows what the caller's iterator still holds: half a body must not look like a whole one."""
    upstream = Upstream(200)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(1e9)

    async def give_up(request: Request) -> Response:
        try:
            async with asyncio.timeout(0.01):
                return await upstream(request)
        except TimeoutError:
            raise Reset("stalled") from None

    error = run(retrying().around(give_up, Breaker()), asked(stalled()))
    assert isinstance(error, Reset)
    assert upstream.tries == 0


def test_a_body_of_bytes_beyond_the_limit_is_sent_once() -> None:
    retry = Retry(frozenset({"5xx"}), first_delay=0.0, buffer_limit=3)
    upstream, exactly = Upstream(503), Upstream(503)
    run(retry.around(upstream, Breaker()), asked(b"abcd"))
    run(retry.around(exactly, Breaker()), asked(b"abc"))
    assert (upstream.tries, exactly.tries) == (1, 2)


def test_no_retries_at_all_is_a_limit_that_is_reached() -> None:
    request = asked()
    run(retrying(attempts=0).around(upstream := Upstream(503), Breaker()), request)
    assert (upstream.tries, request.record.flags) == (1, ["URX"])


def test_a_policy_for_nothing_adds_nothing() -> None:
    upstream = Upstream(503)
    assert Retry(frozenset(), per_try_timeout=1.0).around(upstream, Breaker()) is upstream


def test_only_requests_that_fulfil_a_condition_are_tried_again() -> None:
    retry = replace(retrying(), requests=(HeaderPresent(b"x-a"), Header(b":method", Exact(b"GET"))))
    for method, headers, number in ((b"POST", [], 1), (b"POST", [(b"x-a", b"")], 2), (b"GET", [], 2)):
        upstream = Upstream(503, 200)
        run(retry.around(upstream, Breaker()), Request(method, b"reviews", b"/", headers))
        assert upstream.tries == number


def test_the_upstream_hears_whether_a_timeout_is_why_it_is_asked_again() -> None:
    told: list[bytes | None] = []

    async def send(request: Request) -> Response:
        told.append(request.header(b"x-envoy-is-timeout-retry"))
        if len(told) == 1:
            raise TimedOut("late")
        return Response(503 if len(told) == 2 else 200, [], Body(), request.record)

    run(retrying().around(send, Breaker(), tells_timeouts=True))
    assert told == [None, b"true", b"false"]


def test_a_response_says_itself_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("meshio.resilience.retry.asyncio.sleep", sleep)
    limited = RateLimited((ResetHeader(b"retry-after"),), longest=10.0)
    retry = replace(retrying(attempts=4), first_delay=100.0, longest_delay=150.0, rate_limited=limited)
    busy, never = (503, [(b"retry-after", b"7")]), (503, [(b"retry-after", b"11")])
    upstream = Upstream(busy, CONNECT, never, 503, 200)
    run(retry.around(upstream, Breaker()))
    assert 7.0 <= slept[0] < 10.5
    assert slept[1] < 100.0
    assert len(slept) == 4
