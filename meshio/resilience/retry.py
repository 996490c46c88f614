"""Try again: when, how often, after how long. Envoy: source/common/router/retry_state_impl.cc."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from typing import Protocol, TypeAlias

from meshio.errors import ConnectFailed, Overloaded, RequestError, ResetError, TimedOut
from meshio.message import Request, Response, Send
from meshio.resilience.replay import lost, replayable

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


class Allowance(Protocol):
    """Who grants retries: the upstream's circuit breaker."""

    def start_retry(self) -> bool:
        """Count a retry in; False when there are too many already."""

    def end_retry(self) -> None:
        """Count it out."""


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

    def around(self, send: Send, allowance: Allowance) -> Send:
        """Try, and try again as long as the outcome asks for it and `allowance` lets it."""
        once = patient(send, self.per_try_timeout) if self.per_try_timeout else send
        worthwhile, promising, limit = self.judge(), self._judge_response(), self.buffer_limit

        async def retrying(request: Request) -> Response:
            if request.body != b"":
                request.body = replayable(request.body, limit)
            outcome: Outcome
            try:
                outcome = await once(request)
                if not promising(outcome):
                    return outcome
            except RequestError as error:
                outcome = error
            if worthwhile(outcome):
                outcome = await self._again(request, outcome, once, worthwhile, allowance)
            if isinstance(outcome, RequestError):
                raise outcome
            return outcome

        return retrying

    async def _again(
        self, request: Request, outcome: Outcome, once: Send, worthwhile: Judge, allowance: Allowance
    ) -> Outcome:
        """The first try ended in a way that is worth another."""
        for number in range(1, self.attempts + 1):
            if lost(request.body):
                return outcome
            if not allowance.start_retry():
                request.record.flags.append("UO")
                return outcome
            try:
                await discard(outcome)
                await asyncio.sleep(self.delay(number))
                outcome = await outcome_of(once, request)
            finally:
                allowance.end_retry()
            if isinstance(outcome, ResetError):
                outcome.retried = True
            if not worthwhile(outcome):
                return outcome
        request.record.flags.append("URX")
        return outcome

    def delay(self, number: int) -> float:
        """Seconds before retry `number`, from 1: full jitter below an exponential bound."""
        return min(self.longest_delay, self.first_delay * 2.0 ** (number - 1)) * random()

    def judge(self) -> Judge:
        """Compile the tokens into one question: is this outcome worth another try?"""
        retriable_error, retriable_response = self._judge_error(), self._judge_response()

        def worthwhile(outcome: Outcome) -> bool:
            return retriable_error(outcome) if isinstance(outcome, RequestError) else retriable_response(outcome)

        return worthwhile

    def _judge_error(self) -> Callable[[RequestError], bool]:
        """An open circuit breaker is never retried, nor what was decided without any host (`wouldRetryFromReset`)."""
        after_reset = bool(self.on & ANY_RESET)
        before_request = after_reset or "reset-before-request" in self.on
        unconnected = before_request or "connect-failure" in self.on

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

    def _judge_response(self) -> Callable[[Response], bool]:
        """Status and gRPC status of the response head (`wouldRetryFromHeaders`); any response may be gRPC's."""
        statuses, limited = self._statuses(), "envoy-ratelimited" in self.on
        codes = frozenset(code for token, code in GRPC_TOKENS.items() if token in self.on)
        heads_count = bool(codes) or limited

        def retriable(response: Response) -> bool:
            verdict = response.status in statuses
            if verdict or heads_count:
                for name, value in response.headers:
                    if name in TELLING:
                        if name == b"x-envoy-ratelimited":
                            return limited
                        if value in codes:
                            verdict = True
            return verdict

        return retriable

    def _statuses(self) -> frozenset[int]:
        statuses = set(self.statuses) if "retriable-status-codes" in self.on else set()
        for token, meant in STATUS_TOKENS.items():
            if token in self.on:
                statuses.update(meant)
        return frozenset(statuses)


def patient(send: Send, seconds: float) -> Send:
    """Bound one try, up to the response head, unless the route's own timeout ends before."""

    async def tried(request: Request) -> Response:
        route = request.deadline
        deadline = asyncio.get_running_loop().time() + seconds
        if route is not None and route <= deadline:
            return await send(request)
        request.deadline = deadline
        try:
            async with asyncio.timeout_at(deadline):
                return await send(request)
        except TimeoutError:
            error = TimedOut(f"no response to this try within {seconds:g} s")
            error.details = "upstream_per_try_timeout"
            raise error from None
        finally:
            request.deadline = route

    return tried


async def outcome_of(send: Send, request: Request) -> Outcome:
    try:
        return await send(request)
    except RequestError as error:
        return error


async def discard(outcome: Outcome) -> None:
    """Nobody will read the response that is retried."""
    if isinstance(outcome, Response):
        await outcome.body.aclose()
