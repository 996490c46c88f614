"""What a gRPC caller says about its patience (parity topic grpc_timeouts holds it to Envoy)."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import TimedOut
from meshio.message import Body, Request, Response
from meshio.resilience.grpc_timeout import GrpcTimeout, read_timeout, write_timeout
from meshio.testing.clock import run


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (b"500m", 500), (b"1S", 1000), (b"2M", 120_000), (b"1H", 3_600_000), (b"1500u", 2), (b"1n", 1), (b"0m", 0),
        (b"5 S", 5000), (b"99999999H", 99_999_999 * 3_600_000), (b"100000000m", None), (b"1", None), (b"m", None),
        (b"-1S", None), (b"0.5S", None), (b"1s", None), (b"", None), (None, None), (b"1S,2S", None),
    ],
)  # fmt: skip
def test_a_timeout_is_read_as_envoy_reads_it(value: bytes | None, milliseconds: int | None) -> None:
    assert read_timeout(value) == milliseconds


@given(st.integers(0, 10**18))
def test_what_is_written_is_read_again_in_the_unit_that_has_room(milliseconds: int) -> None:
    written = write_timeout(milliseconds)
    assert len(written) <= 9
    again = read_timeout(written)
    assert again is not None
    assert again <= milliseconds
    exact = {b"m": 1, b"S": 1000, b"M": 60_000, b"H": 3_600_000}[written[-1:]]
    assert milliseconds - again < exact or written == b"99999999H"


@given(st.binary(max_size=12))
def test_nonsense_is_nothing(value: bytes) -> None:
    read = read_timeout(value)
    assert read is None or read >= 0


@pytest.mark.parametrize(
    ("most", "offset", "given_", "whole"),
    [
        (0.0, 0.0, 500, 500), (0.0, 0.0, None, 0), (3.0, 0.0, None, 3000), (3.0, 0.0, 5000, 3000),
        (3.0, 0.5, 2000, 1500),
        (3.0, 5.0, 2000, 2000), (0.0, 0.3, 300, 300), (1.0, 0.3, None, 1000),
    ],
)  # fmt: skip
def test_the_route_bounds_what_the_caller_says(most: float, offset: float, given_: int | None, whole: int) -> None:
    assert GrpcTimeout(most, offset).milliseconds(given_) == whole


def test_the_upstream_hears_it_and_the_time_is_kept() -> None:
    async def main() -> None:
        seen: list[Request] = []

        async def send(request: Request) -> Response:
            seen.append(request)
            await asyncio.sleep(2.0)
            return Response(200, [], Body())

        timed = GrpcTimeout(each=0.7).around(send)
        late = Request(b"POST", b"a", b"/", [(b"grpc-timeout", b"1S")])
        with pytest.raises(TimedOut):
            await timed(late)
        assert late.headers == [(b"x-envoy-expected-rq-timeout-ms", b"700"), (b"grpc-timeout", b"700m")]
        patient = Request(b"POST", b"a", b"/", [])
        assert (await GrpcTimeout().around(send)(patient)).status == 200
        assert patient.headers == []

    run(main())
