"""Tries side by side, in a loop in which nobody waits."""

import asyncio
from dataclasses import replace

import pytest

from meshio.errors import RequestError, Reset
from meshio.message import Body, Request, Response, Send
from meshio.resilience.retry import Retry
from meshio.testing.clock import run

HEDGED = Retry(frozenset({"5xx"}), 1, per_try_timeout=1.0, first_delay=0.0, longest_delay=0.0, hedged=True)
Step = tuple[float, int | type[RequestError]]


class Breaker:
    def __init__(self, grants: int = 99) -> None:
        self.grants, self.running = grants, 0

    def start_retry(self, counted: bool = False) -> bool:
        self.grants -= 1
        self.running += self.grants >= 0
        return self.grants >= 0

    def end_retry(self) -> None:
        self.running -= 1


class Host:
    """Answers the nth try after so many seconds with this status, or fails so."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.begun: list[float] = []
        self.given_up: list[int] = []

    async def __call__(self, request: Request) -> Response:
        number, now = len(self.begun), asyncio.get_running_loop().time()
        self.begun.append(now)
        seconds, outcome = self.steps[number]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.given_up.append(number)
            raise
        if not isinstance(outcome, int):
            raise outcome("as the test says")
        return Response(outcome, [(b"x-try", b"%d" % number)], Body(), request.record)


def raced(host: Host, retry: Retry = HEDGED, breaker: Breaker | None = None) -> tuple[str, float, list[str]]:
    """What the request got, after how long, and the flags."""
    grants = breaker or Breaker()

    async def main() -> tuple[str, float, list[str]]:
        loop, request = asyncio.get_running_loop(), Request(b"GET", b"reviews", b"/", [])
        began = loop.time()
        send: Send = retry.around(retry.limits(None).around(host), grants)
        try:
            response = await send(request)
            told = f"{response.status} from {(response.header(b'x-try') or b'').decode()}"
        except RequestError as error:
            told = type(error).__name__
        return told, loop.time() - began, request.record.flags

    told = run(main())
    assert grants.running == 0
    return told


@pytest.mark.parametrize(
    ("steps", "told", "seconds", "flags", "given_up"),
    [
        ([(0.5, 200)], "200 from 0", 0.5, [], []),
        ([(9.0, 200), (0.2, 200)], "200 from 1", 1.2, [], [0]),
        ([(1.5, 200), (9.0, 200)], "200 from 0", 1.5, [], [1]),
        ([(1.5, 503), (0.9, 200)], "200 from 1", 1.9, [], []),
        ([(3.0, 200), (0.2, 503)], "200 from 0", 3.0, ["URX"], []),
        ([(0.2, 503), (0.3, 200)], "200 from 1", 0.5, [], []),
        ([(1.5, 503), (0.2, 503)], "503 from 0", 1.5, ["URX"], []),
        ([(3.0, Reset), (0.2, 404)], "404 from 1", 1.2, [], [0]),
        ([(1.5, Reset), (3.0, Reset)], "Reset", 4.0, ["URX"], []),
        ([(9.0, 200), (3.0, 200)], "200 from 1", 4.0, ["URX"], [0]),
    ],
)
def test_the_first_good_answer_is_the_answer(
    steps: list[Step], told: str, seconds: float, flags: list[str], given_up: list[int]
) -> None:
    host = Host(*steps)
    outcome = raced(host)
    assert (outcome[0], outcome[2]) == (told, flags)
    assert outcome[1] == pytest.approx(seconds, abs=0.45)
    assert host.given_up == given_up


def test_a_slow_try_gets_no_company_when_the_circuit_breaker_is_open() -> None:
    host = Host((3.0, 200))
    told, seconds, flags = raced(host, breaker=Breaker(0))
    assert (told, flags) == ("200 from 0", ["UO"])
    assert seconds == pytest.approx(3.0, abs=0.45)


def test_each_slow_try_gets_company_once() -> None:
    host = Host((9.0, 200), (9.0, 200), (0.5, 200))
    told, seconds, flags = raced(host, replace(HEDGED, attempts=2))
    assert (told, flags) == ("200 from 2", [])
    assert seconds == pytest.approx(2.5, abs=0.45)
    assert sorted(host.given_up) == [0, 1]


def test_giving_up_the_request_gives_up_all_tries() -> None:
    host, breaker = Host((9.0, 200), (9.0, 200)), Breaker()

    async def main() -> None:
        send = HEDGED.around(HEDGED.limits(None).around(host), breaker)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await send(Request(b"GET", b"reviews", b"/", []))

    run(main())
    assert sorted(host.given_up) == [0, 1]
    assert breaker.running == 0


def test_a_request_that_is_a_library_s_own_is_sent_once_at_a_time() -> None:
    class Theirs(Request):
        __slots__ = ()

    host = Host((3.0, 200))

    async def main() -> Response:
        send = HEDGED.around(HEDGED.limits(None).around(host), Breaker())
        return await send(Theirs(b"GET", b"reviews", b"/", []))

    assert run(main()).status == 200
