"""Response bodies that are handed out slowly."""

import asyncio

import pytest

from meshio.errors import Reset
from meshio.message import Body, Request, Response
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.throttle import Throttled
from meshio.testing.clock import run
from meshio.transport.body import Stream

ALL = Fraction(100)
KIB = b"x" * 1024


def test_a_body_takes_as_long_as_its_rate_says() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        body = Throttled(Body(KIB * 10), 10)
        assert not body.complete
        assert await body.read() == KIB * 10
        assert 0.9 < loop.time() - began < 1.1  # the first of twenty slices comes at once
        assert body.complete

    run(main())


def test_it_comes_in_slices_of_a_twentieth_of_a_second() -> None:
    async def main() -> None:
        assert [len(piece) async for piece in Throttled(Body(KIB), 10)] == [512, 512]

    run(main())


def test_who_waits_for_the_end_hears_of_it_once() -> None:
    async def main() -> None:
        ended: list[object] = []
        body = Throttled(Body(KIB), 1)
        body.when_done(ended.append)
        await body.aclose()
        await body.aclose()
        body.when_done(ended.append)
        assert ended == [None, None]

    run(main())


class Tap:
    """A connection that nobody reads from."""

    aborted = False

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


def test_an_end_of_patience_ends_both() -> None:
    async def main() -> None:
        tap, ended = Tap(), []
        inner = Stream(asyncio.get_running_loop(), tap)
        inner.feed(KIB * 100)
        body = Throttled(inner, 1)
        body.when_done(ended.append)
        error = Reset("over")
        asyncio.get_running_loop().call_later(0.3, body.abort, error)
        with pytest.raises(Reset):
            await body.read()
        assert tap.aborted
        assert ended == [error]

    run(main())


def test_what_cuts_the_inner_body_short_is_told() -> None:
    async def main() -> None:
        inner = Stream(asyncio.get_running_loop(), Tap())
        inner.feed(b"x")
        inner.fail(Reset("cut"))
        with pytest.raises(Reset):
            await Throttled(inner, 1).read()

    run(main())


def test_a_fault_slows_a_share_of_the_responses_and_counts_until_they_end() -> None:
    async def full(request: Request) -> Response:
        return Response(200, [], Body(KIB), request.record)

    async def main() -> None:
        fault = Fault(rate=1, rate_share=ALL, most=1)
        send = fault.around(full)
        first = await send(Request(b"GET", b"a", b"/", []))
        assert type(first.body) is Throttled
        assert fault.active.count == 1
        second = await send(Request(b"GET", b"a", b"/", []))
        assert type(second.body) is Body
        await first.body.read()
        assert fault.active.count == 0

    run(main())


def test_a_cancelled_delay_is_counted_out() -> None:
    async def never(request: Request) -> Response:
        raise AssertionError("not sent")

    async def main() -> None:
        fault = Fault(delay=60.0, delay_share=ALL)
        task = asyncio.ensure_future(fault.around(never)(Request(b"GET", b"a", b"/", [])))
        await asyncio.sleep(1)
        assert fault.active.count == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert fault.active.count == 0

    run(main())
