"""Limits of one try, in a loop in which nobody waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshio.errors import RequestError, TimedOut, TryIdle, TryTimedOut, UpstreamTooLong
from meshio.message import Body, Request, Response, Send
from meshio.resilience.retry import Retry
from meshio.resilience.tries import TryLimits
from meshio.testing.clock import run
from meshio.transport.body import Stream


class Tap:
    """Where a stream's bytes come from."""

    aborted = False

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


def asked(body: bytes | AsyncIterator[bytes] = b"") -> Request:
    return Request(b"POST", b"reviews", b"/", [], body)


async def told(send: Send, request: Request | None = None) -> tuple[Response | RequestError, float]:
    """What comes of it, and after how many seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        outcome: Response | RequestError = await send(request or asked())
    except RequestError as error:
        outcome = error
    return outcome, loop.time() - began


def answering(after: float) -> Send:
    async def send(request: Request) -> Response:
        if not isinstance(request.body, bytes):
            async for _ in request.body:
                pass
        await asyncio.sleep(after)
        return Response(200, [], Body(), request.record)

    return send


def trickling(*gaps: float) -> Send:
    """A head at once, and a piece of the body after each of these pauses."""

    async def send(request: Request) -> Response:
        stream = Stream(asyncio.get_running_loop(), Tap())

        async def feed() -> None:
            for gap in gaps:
                await asyncio.sleep(gap)
                stream.feed(b"x")
            stream.finish([])

        request.record.error = str(id(feeding := asyncio.create_task(feed())))
        stream.when_done(lambda error: feeding.cancel() if error else None)
        return Response(200, [], stream, request.record)

    return send


async def slowly(*gaps: float) -> AsyncIterator[bytes]:
    for gap in gaps:
        await asyncio.sleep(gap)
        yield b"x"


def test_a_try_that_is_not_limited_is_as_it_was() -> None:
    send = answering(1.0)
    assert TryLimits().around(send) is send


@pytest.mark.parametrize(
    ("limits", "after", "kind"),
    [
        (TryLimits(timeout=2.0), 3.0, TryTimedOut),
        (TryLimits(timeout=2.0), 1.0, Response),
        (TryLimits(idle=2.0), 3.0, TryIdle),
        (TryLimits(idle=2.0), 1.0, Response),
        (TryLimits(longest=2.0), 3.0, UpstreamTooLong),
        (TryLimits(timeout=4.0, idle=2.0, longest=3.0), 9.0, TryIdle),
        (TryLimits(timeout=2.0, idle=3.0, longest=4.0), 9.0, TryTimedOut),
    ],
)
def test_the_limit_that_is_reached_first_is_told(limits: TryLimits, after: float, kind: type) -> None:
    async def main() -> None:
        outcome, seconds = await told(limits.around(answering(after)))
        assert type(outcome) is kind
        assert seconds == pytest.approx(min(after, 2.0), abs=0.45)

    run(main())


def test_a_try_has_the_route_s_time_where_that_is_less() -> None:
    async def main() -> None:
        request = asked()
        request.deadline = asyncio.get_running_loop().time() + 1.0
        outcome, _ = await told(TryLimits(timeout=2.0).around(answering(3.0)), request)
        assert isinstance(outcome, Response), "whoever set the deadline ends it"

    run(main())


def test_time_counts_from_the_end_of_the_request_but_for_the_longest() -> None:
    async def main() -> None:
        for limits in (TryLimits(timeout=2.0), TryLimits(idle=2.0)):
            outcome, _ = await told(limits.around(answering(1.0)), asked(slowly(3.0, 3.0)))
            assert isinstance(outcome, Response)
            outcome, seconds = await told(limits.around(answering(9.0)), asked(slowly(3.0, 3.0)))
            assert isinstance(outcome, TimedOut)
            assert seconds == pytest.approx(8.0, abs=0.45)
        outcome, _ = await told(TryLimits(longest=2.0).around(answering(1.0)), asked(slowly(3.0)))
        assert isinstance(outcome, UpstreamTooLong)
        assert outcome.status == 408, "the request was not complete"

    run(main())


def test_after_the_head_the_timeout_is_over_and_the_others_are_not() -> None:
    async def read(limits: TryLimits, *gaps: float) -> bytes | RequestError:
        outcome, _ = await told(limits.around(trickling(*gaps)))
        assert isinstance(outcome, Response)
        try:
            return await outcome.body.read()
        except RequestError as error:
            return error

    async def main() -> None:
        assert await read(TryLimits(timeout=2.0, idle=9.0), 3.0, 3.0) == b"xx"
        assert await read(TryLimits(idle=2.0), 1.5, 1.5, 1.5) == b"xxx"
        assert isinstance(await read(TryLimits(idle=2.0), 1.5, 2.5), TryIdle)
        assert isinstance(await read(TryLimits(longest=4.0), 1.5, 1.5, 1.5), UpstreamTooLong)
        assert await read(TryLimits(longest=9.0), 1.5, 1.5, 1.5) == b"xxx"

    run(main())


def test_the_answer_to_a_timeout_can_be_another() -> None:
    async def main() -> None:
        outcome, _ = await told(TryLimits(timeout=2.0, status=204).around(answering(3.0)))
        assert isinstance(outcome, TryTimedOut)
        assert (outcome.status, outcome.body, outcome.flag) == (204, b"", "UT")

    run(main())


def test_a_try_may_not_take_as_long_as_all_of_them() -> None:
    assert Retry(frozenset(), per_try_timeout=2.0).limits(2.0).timeout is None
    assert Retry(frozenset(), per_try_timeout=2.0).limits(None).timeout == 2.0
    assert Retry(frozenset(), per_try_timeout=2.0).limits(2.1).timeout == 2.0


def test_what_the_caller_s_body_raises_is_no_timeout_of_ours() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise TimeoutError("the caller's")

    async def main() -> None:
        with pytest.raises(TimeoutError, match="the caller's"):
            await TryLimits(timeout=2.0).around(answering(1.0))(asked(broken()))

    run(main())
