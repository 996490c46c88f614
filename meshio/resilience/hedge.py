"""Tries of one request that run side by side: one that is slow is not given up when another one begins.

Envoy: router.cc, `onSoftPerTryTimeout` (hedge_on_per_try_timeout).
"""

import asyncio
from asyncio import FIRST_COMPLETED, Future, Task
from collections.abc import Callable
from typing import Any, TypeAlias

from meshio.errors import RequestError
from meshio.message import Request, Response, Send
from meshio.resilience.retry_on import Judge, Outcome

Again: TypeAlias = Callable[[Outcome | None], float | str]


class Try(Request):
    """A request's twin, for a try that runs beside others. Its timeout, once it is over, makes `slow` done."""

    __slots__ = ("slow",)

    slow: Future[None]


def twin(request: Request) -> Try:
    """The same request, to be sent on its own; the record and the hosts that were tried are common."""
    made = Try.__new__(Try)
    for name in Request.__slots__:
        if hasattr(request, name):  # some are set only where a route asks for them
            setattr(made, name, getattr(request, name))
    made.slow = asyncio.get_running_loop().create_future()
    return made


class Race:
    """One request's tries.

    again   what a retry needs: asked after an outcome (None: after a try that is slow), gives the back-off before it,
            or says by a flag why there is none
    over    called when a retry has ended
    """

    def __init__(self, once: Send, worthwhile: Judge, again: Again, over: Callable[[], None]) -> None:
        self._once = once
        self._worthwhile = worthwhile
        self._again = again
        self._over = over
        self._running: dict[Task[Outcome], Future[None]] = {}
        self._followed: set[Task[Outcome]] = set()

    async def run(self, request: Request) -> Outcome:
        """The first outcome that is good, or the last that is not."""
        self._begin(request, 0.0)
        try:
            while True:
                news: list[Future[Any]] = [*self._running]
                news += [slow for task, slow in self._running.items() if task not in self._followed]
                await asyncio.wait(news, return_when=FIRST_COMPLETED)
                self._follow(request)
                for task in [task for task in self._running if task.done()]:
                    outcome = self._take(request, task)
                    if outcome is not None:
                        return outcome
                    await discard(task.result())
        finally:
            await self._end()

    def _begin(self, request: Request, pause: float) -> Task[Outcome]:
        made = twin(request)
        task = asyncio.get_running_loop().create_task(tried(self._once, made, pause))
        self._running[task] = made.slow
        return task

    def _follow(self, request: Request) -> None:
        """Slow tries get company."""
        for task, slow in list(self._running.items()):
            if slow.done() and not task.done() and task not in self._followed:
                self._followed.add(task)
                self._retry(request, None)

    def _take(self, request: Request, task: Task[Outcome]) -> Outcome | None:
        """The outcome of a try that has ended, if it is the request's; None when others may do better."""
        outcome, followed = task.result(), task in self._followed
        del self._running[task]
        wanted = self._worthwhile(outcome)
        if wanted or isinstance(outcome, RequestError):
            if (wanted and not followed and self._retry(request, outcome)) or self._running:
                return None
        return outcome

    def _retry(self, request: Request, after: Outcome | None) -> bool:
        verdict = self._again(after)
        if isinstance(verdict, str):
            if verdict not in request.record.flags:
                request.record.flags.append(verdict)
            return False
        self._begin(request, verdict).add_done_callback(lambda task: self._over())
        return True

    async def _end(self) -> None:
        """Nobody waits for the others any more."""
        for task in self._running:
            task.cancel()
        for outcome in await asyncio.gather(*self._running, return_exceptions=True):
            if not isinstance(outcome, BaseException) or isinstance(outcome, RequestError):
                await discard(outcome)


async def tried(once: Send, request: Request, pause: float) -> Outcome:
    if pause:
        await asyncio.sleep(pause)
    return await outcome_of(once, request)


async def outcome_of(send: Send, request: Request) -> Outcome:
    try:
        return await send(request)
    except RequestError as error:
        return error


async def discard(outcome: Outcome) -> None:
    """Nobody will read the response that is retried."""
    if isinstance(outcome, Response):
        await outcome.body.aclose()
