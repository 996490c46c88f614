"""Timeouts that cost a warm request nothing: one coarse timer looks at whatever waits.

A wait is limited by what it is for (`Request.stage`): the pool, the connect, a write or a read, each
counted from the moment that it began, as httpx counts them.
"""

import asyncio
from asyncio import Task, TimerHandle
from collections.abc import Mapping

from meshio.errors import TimedOut
from meshio.message import Body, Request

TICK = 0.05  # seconds between two looks: how late a timeout may be


class Wait:
    """One task that waits: for a response head, or (`body` given) for the next piece of a body.

    expired   the stage whose limit ran out, "" while none has
    """

    __slots__ = ("_cancelling", "_task", "body", "expired", "limits", "request", "since", "stage")

    def __init__(self, request: Request, limits: Mapping[str, float | None], body: Body | None = None) -> None:
        self.request = request
        self.limits = limits
        self.body = body
        self.since: float | None = None
        self.stage = "read"
        self.expired = ""
        task = asyncio.current_task()
        assert task is not None
        self._task: Task[object] = task
        self._cancelling = task.cancelling()

    def look(self, now: float) -> bool:
        """Whether the time for the current stage is up; then the wait is over."""
        if self.since is None or self.stage != self.request.stage:
            self.since, self.stage = now, self.request.stage
            return False
        limit = self.limits.get(self.stage)
        if limit is None or now - self.since < limit:
            return False
        self.expired = self.stage
        if self.body is not None:
            self.body.abort(TimedOut("nothing more of the body came in time"))
        else:
            self._task.cancel()
        return True

    def cancelled_by_us(self) -> bool:
        """After a CancelledError: whether it was the timeout's, and nobody else's (as asyncio.timeout asks it)."""
        return bool(self.expired) and self._task.uncancel() <= self._cancelling


class Patience:
    """Everybody who waits, and the one timer."""

    __slots__ = ("_timer", "_waits")

    def __init__(self) -> None:
        self._waits: set[Wait] = set()
        self._timer: TimerHandle | None = None

    def begin(self, wait: Wait) -> None:
        """Count from now on."""
        wait.since = None
        self._waits.add(wait)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    def end(self, wait: Wait) -> None:
        """It came."""
        self._waits.discard(wait)

    def close(self) -> None:
        """Forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._waits -= {wait for wait in self._waits if wait.look(now)}
        self._timer = loop.call_later(TICK, self._tick) if self._waits else None
