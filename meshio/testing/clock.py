"""A fake clock: an event loop in which time leaps to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LeapingSelector(selectors.DefaultSelector):
    """Where the loop would wait for a timer, time leaps to it."""

    leapt = 0.0
    delivery = 0.005  # seconds that a loopback may take to deliver, on a busy machine

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(timeout if timeout is None else min(timeout, self.delivery))
        if not events and timeout is not None and timeout > 0:
            self.leapt += timeout
        return events


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop in which nobody waits: half an hour of backoff passes at once, in the right order."""

    def __init__(self) -> None:
        self._leaping = LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return super().time() + self._leaping.leapt


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in a LeapingLoop, with asyncio's debugging on."""
    with asyncio.Runner(debug=True, loop_factory=LeapingLoop) as runner:
        return runner.run(work)
