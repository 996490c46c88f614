"""Many timeouts, one timer."""

import asyncio

import pytest

from meshio.errors import TimedOut
from meshio.message import Body, Response
from meshio.resilience.deadlines import Deadlines


async def limited(deadlines: Deadlines, seconds: float) -> str:
    wait = deadlines.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError as error:
        return "late" if wait.ended(error) else "cancelled"
    finally:
        deadlines.end(wait)
    return "in time"


def timers(deadlines: Deadlines) -> int:
    return deadlines._timer is not None


def test_each_has_its_own_time_and_all_have_one_timer() -> None:
    async def main() -> None:
        deadlines = Deadlines(0.02)
        first = asyncio.create_task(limited(deadlines, 1e9))
        await asyncio.sleep(0.01)
        later = [asyncio.create_task(limited(deadlines, seconds)) for seconds in (0, 1e9)]
        began = asyncio.get_running_loop().time()
        assert await first == "late"
        assert await later[0] == "in time"
        assert not later[1].done() and timers(deadlines)
        assert await later[1] == "late"
        assert asyncio.get_running_loop().time() - began >= 0.018
        assert not timers(deadlines) and not deadlines._waits
        assert first.cancelling() == 0

    asyncio.run(main(), debug=True)


def test_somebody_elses_cancellation_stays_one() -> None:
    async def main() -> None:
        deadlines = Deadlines(0.01)
        task = asyncio.create_task(limited(deadlines, 1e9))
        await asyncio.sleep(0)
        task.cancel()
        assert await task == "cancelled" and task.cancelling() == 1

        async def both() -> str:
            wait = deadlines.begin()
            try:
                asyncio.current_task().cancel()  # type: ignore[union-attr]
                wait.expire()
                await asyncio.sleep(1e9)
            except asyncio.CancelledError as error:
                return "late" if wait.ended(error) else "cancelled"
            return ""

        assert await asyncio.create_task(both()) == "cancelled"

    asyncio.run(main(), debug=True)


def test_behind_the_head_it_is_the_body_that_ends() -> None:
    class Streaming(Body):
        __slots__ = ("ended",)

        def abort(self, error: Exception) -> None:
            self.ended = error

    async def main() -> None:
        deadlines, body, error = Deadlines(0.01), Streaming(), TimedOut("late")
        deadlines.begin().go_on(Response(200, [], body), error)
        await asyncio.sleep(0.03)
        assert body.ended is error

    asyncio.run(main(), debug=True)


def test_another_loop_is_another_beginning() -> None:
    deadlines = Deadlines(0.01)
    for _ in range(2):
        assert asyncio.run(limited(deadlines, 1e9)) == "late"
        with pytest.raises(TimeoutError):
            asyncio.run(abandoned(deadlines))


async def abandoned(deadlines: Deadlines) -> None:
    deadlines.begin()
    raise TimeoutError
