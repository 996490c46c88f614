"""Try again: when (`retry_on.py`), how often, after how long (`back_off.py`). Envoy: retry_state_impl.cc."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any, Protocol

from meshio.errors import RequestError, ResetError, TimedOut
from meshio.message import Request, Response, Send
from meshio.resilience.back_off import RateLimited, jittered
from meshio.resilience.hedge import Race, discard, outcome_of
from meshio.resilience.question import Question
from meshio.resilience.replay import lost, replayable
from meshio.resilience.retry_on import Judge, Outcome, compile_judge, judge_response
from meshio.resilience.tries import TryLimits


class Allowance(Protocol):
    """Who grants retries: the upstream's circuit breaker."""

    def start_retry(self, counted: bool = False) -> bool:
        """Count a retry in; False when there are too many already.

        `counted`: the try before it is among what is under way still.
        """

    def end_retry(self) -> None:
        """Count it out."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A route's retry policy.

    on                   Envoy's tokens, `retry_on.TOKENS`; others mean nothing
    attempts             retries after the first try (Envoy's num_retries)
    statuses             for `retriable-status-codes`
    headers              for `retriable-headers`: any of these conditions on the response
    requests             only requests that fulfil any of these conditions; () takes all
    per_try_timeout      seconds, None for none
    per_try_idle         seconds without a byte, None for none
    first_delay, longest_delay   back-off: before retry N uniform in [0, min(longest, first * 2**(N-1)))
    rate_limited         what responses may say about the back-off
    avoid_previous       the previous_hosts predicate: prefer hosts not tried yet
    host_attempts        how often to look for a host that is wanted before taking any
    avoid_canaries       prefer hosts that do not say that they are canaries
    avoid_labels         prefer hosts that do not have all of these labels; None does not look at them
    priorities           after so many tries, the priorities that they had are avoided; 0 never
    buffer_limit         bytes of a request body kept for replay; beyond it the request is not retried
    hedged               a try that reaches per_try_timeout goes on beside the retry
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
    headers: tuple[Question, ...] = ()
    requests: tuple[Question, ...] = ()
    per_try_idle: float | None = None
    rate_limited: RateLimited | None = None
    priorities: int = 0
    hedged: bool = False
    avoid_canaries: bool = False
    avoid_labels: tuple[tuple[str, Any], ...] | None = None

    def limits(self, timeout: float | None, status: int = 504) -> TryLimits:
        """Of one try, where all of them together have `timeout` seconds."""
        each = self.per_try_timeout
        if each is not None and timeout and each >= timeout:
            each = None
        return TryLimits(each, self.per_try_idle, None, self.hedged, status)

    def around(self, send: Send, allowance: Allowance, tells_timeouts: bool = False) -> Send:
        """Try, and try again as long as the outcome asks for it and `allowance` lets it.

        `send` is one try, within its limits. With `tells_timeouts` the upstream hears whether a timeout is why.
        """
        if not self.on:
            return send
        turn = Turn(self, send, allowance, tells_timeouts)
        retrying = turn.race if self.races else turn.retrying()
        return limited_to(self.requests, retrying, send) if self.requests else retrying

    def after(self, send: Send, allowance: Allowance, tells_timeouts: bool = False) -> "Turn":
        """For whoever makes the first try himself: what to do once that has ended. `send` is one further try."""
        return Turn(self, send, allowance, tells_timeouts)

    @property
    def races(self) -> bool:
        """A slow try goes on beside the next."""
        return self.hedged and self.per_try_timeout is not None

    @property
    def follows(self) -> bool:
        """Any try may be followed by another one, and by nothing before it has ended: `after` is enough."""
        return bool(self.on) and not self.races and not self.requests

    def delay(self, number: int) -> float:
        """Seconds before retry `number`, from 1."""
        return jittered(self.first_delay, self.longest_delay, number)

    def judge(self) -> Judge:
        """Is this outcome worth another try?"""
        return compile_judge(self.on, self.statuses, self.headers)


class Turn:
    """One route's way of trying again, over one upstream.

    retriable   whether an answer is worth another try
    """

    __slots__ = ("_allowance", "_alone", "_once", "_policy", "_tells", "_worthwhile", "retriable")

    def __init__(self, policy: Retry, once: Send, allowance: Allowance, tells: bool) -> None:
        self._policy = policy
        self._once = once
        self.retriable = judge_response(policy.on, policy.statuses, policy.headers)
        self._worthwhile = policy.judge()
        self._allowance = allowance
        self._tells = tells
        self._alone = self.retrying()

    def retrying(self) -> Send:
        """The first try, and whatever follows. An answer that is good goes back as fast as can be."""
        once, retriable = self._once, self.retriable

        async def retrying(request: Request) -> Response:
            if request.body != b"":
                self.prepare(request)
            outcome: Outcome
            try:
                outcome = await once(request)
                if not retriable(outcome):
                    return outcome
            except RequestError as error:
                outcome = error
            return await self.follow(request, outcome)

        return retrying

    def prepare(self, request: Request) -> None:
        """Before the first try: keep the body for the others."""
        request.body = replayable(request.body, self._policy.buffer_limit)

    async def follow(self, request: Request, outcome: Outcome) -> Response:
        """What comes of the request after a first try that ended like this. Raises the RequestError that stays."""
        if self._worthwhile(outcome):
            outcome = await self._again(request, outcome)
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    async def _again(self, request: Request, outcome: Outcome) -> Outcome:
        """The first try ended in a way that is worth another."""
        policy, allowance = self._policy, self._allowance
        step = 0
        for _ in range(policy.attempts):
            if lost(request.body, policy.buffer_limit):
                return outcome
            if not allowance.start_retry(lasts(outcome)):
                request.record.flags.append("UO")
                return outcome
            try:
                step, pause = self._pause(step, outcome)
                await discard(outcome)
                await asyncio.sleep(pause)
                self._tell(request, outcome)
                outcome = await outcome_of(self._once, request)
            finally:
                allowance.end_retry()
            if isinstance(outcome, ResetError):
                outcome.retried = True
            if not self._worthwhile(outcome):
                return outcome
        if not lost(request.body, policy.buffer_limit):
            request.record.flags.append("URX")
        return outcome

    def _pause(self, step: int, outcome: Outcome | None) -> tuple[int, float]:
        """How far the exponential back-off is afterwards, and seconds: the response's own, where it says some."""
        told = self._policy.rate_limited
        if told is not None and isinstance(outcome, Response):
            pause = told.delay(outcome, time())
            if pause is not None:
                return step, pause
        return step + 1, self._policy.delay(step + 1)

    def _tell(self, request: Request, outcome: Outcome | None) -> None:
        if self._tells:
            value = b"true" if outcome is None or isinstance(outcome, TimedOut) else b"false"
            kept = [header for header in request.headers if header[0] != IS_TIMEOUT_RETRY]
            request.headers = [*kept, (IS_TIMEOUT_RETRY, value)]

    async def race(self, request: Request) -> Response:
        """Tries side by side. What cannot be sent twice at once (a library's own request) is sent as it is."""
        if type(request) is not Request:
            return await self._alone(request)
        if request.body != b"":
            request.body = replayable(request.body, self._policy.buffer_limit)
        left, step = self._policy.attempts, 0

        def again(after: Outcome | None) -> float | str:
            nonlocal left, step
            if lost(request.body, self._policy.buffer_limit):
                return ""
            if not left:
                return "URX"
            left -= 1
            if not self._allowance.start_retry(lasts(after)):
                return "UO"
            step, pause = self._pause(step, after)
            self._tell(request, after)
            return pause

        outcome = await Race(self._once, self._worthwhile, again, self._allowance.end_retry).run(request)
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome


def lasts(outcome: Outcome | None) -> bool:
    """Whether a try with this outcome is under way still: it is slow, or its answer has not ended."""
    return outcome is None or (isinstance(outcome, Response) and not outcome.body.complete)


IS_TIMEOUT_RETRY = b"x-envoy-is-timeout-retry"


def limited_to(questions: tuple[Question, ...], retrying: Send, once: Send) -> Send:
    """Only requests that fulfil one of the conditions are tried again."""
    tests: list[Callable[[Request], bool]] = [question.test() for question in questions]

    async def asked(request: Request) -> Response:
        if any(test(request) for test in tests):
            return await retrying(request)
        return await once(request)

    return asked
