"""How long a stream may last and be silent, in a loop in which nobody waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshio.errors import RequestError, StreamIdle, StreamTooLong
from meshio.message import Body, Request, Response
from meshio.resilience.streams import NO_LIMITS, AskedDuration, StreamDuration, StreamLimits
from meshio.testing.clock import run


async def slowly(*gaps: float) -> AsyncIterator[bytes]:
    for gap in gaps:
        await asyncio.sleep(gap)
        yield b"x"


def outcome(
    limits: StreamLimits | AskedDuration,
    after: float = 0.0,
    body: AsyncIterator[bytes] | bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> tuple[int, list[tuple[bytes, bytes]]]:
    """The status of the answer, or of the error; and the headers that went out."""

    async def send(request: Request) -> Response:
        if not isinstance(request.body, bytes):
            async for _ in request.body:
                pass
        await asyncio.sleep(after)
        return Response(200, [], Body())

    async def main() -> tuple[int, list[tuple[bytes, bytes]]]:
        request = Request(b"POST", b"a", b"/", headers or [], body)
        try:
            response = await limits.around(send)(request)
        except RequestError as error:
            assert isinstance(error, StreamIdle | StreamTooLong)
            return error.status, request.headers
        return response.status, request.headers

    return run(main())


@pytest.mark.parametrize(
    ("limits", "after", "status"),
    [
        (StreamLimits(idle=2.0), 1.0, 200),
        (StreamLimits(idle=2.0), 3.0, 504),
        (StreamLimits(longest=2.0), 1.0, 200),
        (StreamLimits(longest=2.0), 3.0, 504),
        (StreamLimits(longest=0.0), 3.0, 504),
        (StreamLimits(idle=2.0, patience=1.5), 3.0, 200),  # whoever keeps that time ends it
        (StreamLimits(idle=2.0, patience=5.0), 3.0, 504),
    ],
)
def test_a_stream_ends_at_its_limit(limits: StreamLimits, after: float, status: int) -> None:
    assert outcome(limits, after)[0] == status


def test_each_piece_of_the_request_is_a_sign_of_life() -> None:
    limits = StreamLimits(idle=2.0, patience=1.0)
    assert outcome(limits, body=slowly(1.5, 1.5, 1.5))[0] == 200
    assert outcome(limits, body=slowly(1.5, 2.5))[0] == 408
    assert outcome(StreamLimits(longest=2.0), body=slowly(1.5, 1.5))[0] == 408


def test_without_limits_nothing_is_added() -> None:
    async def send(request: Request) -> Response:
        return Response(200, [], Body())

    assert NO_LIMITS.around(send) is send


@pytest.mark.parametrize(
    ("duration", "given", "otherwise", "longest"),
    [
        (StreamDuration(), None, None, None),
        (StreamDuration(), 500, 3.0, 3.0),
        (StreamDuration(0.0), 500, 3.0, None),
        (StreamDuration(2.0), 500, 3.0, 2.0),
        (StreamDuration(2.0, 0.0), 500, 3.0, 0.5),
        (StreamDuration(2.0, 0.0), None, 3.0, 2.0),
        (StreamDuration(None, 0.3), 500, None, 0.3),
        (StreamDuration(None, 0.0, 0.2), 500, None, 0.3),
        (StreamDuration(None, 0.0, 0.5), 500, None, 0.0),
    ],
)
def test_a_caller_s_time_counts_where_the_route_says_so(
    duration: StreamDuration, given: int | None, otherwise: float | None, longest: float | None
) -> None:
    assert duration.asked(given, otherwise) == longest


def test_grpc_s_upstream_hears_what_holds() -> None:
    asked = [(b"grpc-timeout", b"5S")]
    limits = StreamLimits(longest=9.0)
    assert outcome(AskedDuration(limits, StreamDuration(None, 3.0), grpc=True), headers=asked) == (
        200,
        [(b"grpc-timeout", b"3000m")],
    )
    assert outcome(AskedDuration(limits, StreamDuration(None, 3.0)), headers=asked) == (200, asked)
    assert outcome(AskedDuration(limits, StreamDuration(None, 3.0)), 4.0, headers=asked)[0] == 504
    assert outcome(AskedDuration(limits, StreamDuration(0.0), grpc=True), headers=asked[:0]) == (200, [])
