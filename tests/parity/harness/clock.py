"""A clock that no machine is too slow for: what is computed takes no time, and what is waited for comes at once."""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import meshio.client.hearing  # noqa: F401  (what is loaded when it is needed has to be told the time, too)
from meshio.testing.clock import LeapingLoop

T = TypeVar("T")
START = 1_000.0  # seconds: no clock of a process that runs is at 0


class StillLoop(LeapingLoop):
    """Time only leaps: a timeout never runs out because the machine is busy."""

    def time(self) -> float:
        return START + self._leaping.leapt


def timeless(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in a StillLoop. Without asyncio's debugging, which makes four times the work of it."""
    with asyncio.Runner(debug=False, loop_factory=StillLoop) as runner, told_to_meshio(runner.get_loop().time):
        return runner.run(work)


@contextmanager
def told_to_meshio(clock: Callable[[], float]) -> Iterator[None]:
    """The time that meshio counts ejections and buckets by is the loop's."""
    modules = [vars(each) for name, each in list(sys.modules.items()) if name.startswith("meshio.")]
    asking = [each for each in modules if each.get("monotonic") is time.monotonic]
    for each in asking:
        each["monotonic"] = clock
    try:
        yield
    finally:
        for each in asking:
            each["monotonic"] = time.monotonic
