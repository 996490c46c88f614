"""The route's timeout, from the first byte sent to the last byte received."""

import asyncio

import pytest

from meshio.errors import RequestError, TimedOut
from meshio.message import Body, Done, Request, Response
from meshio.resilience.timeout import Timeout


class Streaming(Body):
    """A body that still arrives."""

    __slots__ = ("_done", "aborted", "complete")

    def __init__(self) -> None:
        super().__init__()
        self.complete = False
        self.aborted: RequestError | None = None
        self._done: list[Done] = []

    def when_done(self, done: Done) -> None:
        self._done.append(done)

    def abort(self, error: RequestError) -> None:
        self.aborted = error

    def end(self) -> None:
        for done in self._done:
            done(None)


def asked() -> Request:
    return Request(b"GET", b"reviews", b"/", [])


def test_no_response_head_in_time_is_a_504() -> None:
    async def stall(request: Request) -> Response:
        await asyncio.sleep(1e9)
        raise AssertionError

    async def main() -> None:
        with pytest.raises(TimedOut) as caught:
            await Timeout(0.01).around(stall)(asked())
        assert (caught.value.status, caught.value.flag, caught.value.sent) == (504, "UT", True)
        assert caught.value.details == "response_timeout"

    asyncio.run(main(), debug=True)


def test_the_deadline_is_known_to_everyone_behind_it() -> None:
    async def main() -> None:
        request, began = asked(), asyncio.get_running_loop().time()

        async def send(request: Request) -> Response:
            assert request.deadline is not None
            assert began + 5 <= request.deadline < began + 6
            return Response(200, [], Body())

        assert (await Timeout(5).around(send)(request)).status == 200

    asyncio.run(main(), debug=True)


def test_a_body_that_does_not_end_in_time_is_aborted() -> None:
    async def main() -> None:
        body = Streaming()

        async def send(request: Request) -> Response:
            return Response(200, [], body)

        await Timeout(0.01).around(send)(asked())
        assert body.aborted is None
        await asyncio.sleep(0.02)
        assert isinstance(body.aborted, TimedOut)

    asyncio.run(main(), debug=True)


def test_a_body_that_ends_in_time_disarms_the_timer() -> None:
    async def main() -> None:
        body = Streaming()

        async def send(request: Request) -> Response:
            return Response(200, [], body)

        await Timeout(0.01).around(send)(asked())
        body.end()
        await asyncio.sleep(0.02)
        assert body.aborted is None

    asyncio.run(main(), debug=True)


def test_errors_pass_through() -> None:
    async def fail(request: Request) -> Response:
        raise RequestError("no")

    with pytest.raises(RequestError, match="no"):
        asyncio.run(main_of(fail), debug=True)


async def main_of(send: object) -> None:
    assert callable(send)
    await Timeout(1).around(send)(asked())
