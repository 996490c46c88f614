"""A body that still arrives: who is held back when, and what its reader gets. No sockets."""

import asyncio

import pytest

from meshio.errors import Reset
from meshio.transport.body import HIGH_WATER, LOW_WATER, Stream


class Tap:
    """Stands in for a socket: remembers what it was told."""

    def __init__(self):
        self.told = []

    def pause(self):
        self.told.append("pause")

    def resume(self):
        self.told.append("resume")

    def abort(self):
        self.told.append("abort")


def streaming(test):
    """Run `test(stream, tap)` in a loop."""

    async def main():
        tap = Tap()
        await test(Stream(asyncio.get_running_loop(), tap), tap)

    asyncio.run(main(), debug=True)


def test_a_full_buffer_pauses_and_an_almost_empty_one_resumes():
    @streaming
    async def _(stream, tap):
        chunk = b"x" * (LOW_WATER // 2)
        while not tap.told:
            stream.feed(chunk)
        waiting = HIGH_WATER // len(chunk) + 1
        while tap.told == ["pause"]:
            await anext(stream)
            waiting -= 1
        assert tap.told == ["pause", "resume"] and waiting * len(chunk) < LOW_WATER


def test_who_wants_all_of_it_is_never_held_back():
    @streaming
    async def _(stream, tap):
        stream.feed(b"x" * (HIGH_WATER + 1))
        reading = asyncio.create_task(stream.read())
        await asyncio.sleep(0)
        assert tap.told == ["pause", "resume"]
        stream.feed(b"x" * (HIGH_WATER + 1))
        stream.finish([])
        assert len(await reading) == 2 * (HIGH_WATER + 1) and tap.told == ["pause", "resume"]
        assert await stream.read() == await stream.read()


def test_a_body_that_ends_while_paused_lets_the_connection_go_on():
    @streaming
    async def _(stream, tap):
        stream.feed(b"x" * (HIGH_WATER + 1))
        stream.finish([])
        assert tap.told == ["pause", "resume"] and stream.complete
        assert len(await stream.read()) == HIGH_WATER + 1


def test_read_gives_what_iteration_left():
    @streaming
    async def _(stream, tap):
        for chunk in (b"a", b"b", b"c"):
            stream.feed(chunk)
        stream.finish([(b"x", b"y")])
        assert await anext(stream) == b"a"
        assert await stream.read() == b"bc" and stream.trailers == [(b"x", b"y")]


def test_two_tasks_cannot_read_the_same_body():
    @streaming
    async def _(stream, tap):
        first = asyncio.create_task(stream.read())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await stream.read()
        stream.finish([])
        assert await first == b""


def test_everybody_who_asked_is_told_the_end_once():
    @streaming
    async def _(stream, tap):
        ends, error = [], Reset("broke off")
        stream.when_done(lambda end: ends.append(("early", end)))
        stream.when_done(lambda end: ends.append(("also", end)))
        stream.fail(error)
        stream.finish([])
        stream.abort(Reset("again"))
        stream.when_done(lambda end: ends.append(("late", end)))
        await stream.aclose()
        assert ends == [("early", error), ("also", error), ("late", error)] and tap.told == []


def test_a_body_that_was_closed_does_not_look_like_a_short_one():
    @streaming
    async def _(stream, tap):
        stream.feed(b"part")
        await stream.aclose()
        assert tap.told == ["abort"]
        with pytest.raises(RuntimeError, match="closed"):
            await stream.read()
        with pytest.raises(RuntimeError, match="closed"):
            await anext(stream)
