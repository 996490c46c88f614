"""Adaptive concurrency: the controller, by its clock. The algorithm is Envoy's gradient_controller.cc."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Crowded
from meshio.message import Body, Request, Response
from meshio.resilience.concurrency import Concurrency
from meshio.testing.clock import run


def asked() -> Request:
    return Request(b"GET", b"a", b"/", [])


def measured(latency: float = 0.1, **said: float) -> Concurrency:
    """A controller whose minimum is known since time 1."""
    controller = Concurrency(1.0, 60.0, requests=1, jitter=0.0, **said)  # type: ignore[arg-type]
    controller.advance(0.0)
    controller.sample(1.0 - latency, 1.0)
    return controller


def test_only_a_few_are_allowed_until_the_minimum_is_known() -> None:
    controller = Concurrency(1.0, 60.0, requests=2)
    controller.advance(0.0)
    assert (controller.state.measuring, controller.state.limit) == (True, 3)
    controller.sample(0.1, 0.2)
    assert controller.state.measuring
    controller.sample(0.1, 0.2)
    assert not controller.state.measuring
    assert controller.state.minimum == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize(
    ("latency", "limit"),
    [(0.05, 8), (0.1, 5), (0.125, 4), (0.2, 3), (10.0, 3)],  # 3 times the gradient, and the root of it on top
)
def test_a_window_ends_with_a_new_limit(latency: float, limit: int) -> None:
    controller = measured()
    controller.sample(1.5 - latency, 1.5) if latency < 0.5 else controller.sample(1.0, 1.0 + latency)
    controller.advance(2.0 + latency)
    assert controller.state.limit == limit


def test_a_window_without_requests_changes_nothing() -> None:
    controller = measured()
    controller.advance(30.0)
    assert controller.state.limit == 3
    assert controller.state.update_at > 30.0


def test_the_limit_stays_below_the_most() -> None:
    controller = measured(most=6)
    for window in range(1, 9):
        controller.sample(window + 0.45, window + 0.5)
        controller.advance(window + 1.0)
    assert controller.state.limit == 6


def test_the_minimum_is_measured_again_after_the_interval() -> None:
    controller = measured()
    controller.sample(1.4, 1.5)
    controller.advance(61.0)
    assert (controller.state.measuring, controller.state.limit, controller.state.restored) == (True, 3, 5)
    controller.sample(60.5, 61.2)  # it began before
    assert controller.state.measuring
    controller.sample(61.1, 61.2)
    assert (controller.state.measuring, controller.state.limit) == (False, 5)


def test_the_minimum_is_measured_again_when_the_limit_is_stuck_at_the_least() -> None:
    controller = measured()
    for window in range(1, 6):
        assert not controller.state.measuring
        controller.sample(window + 0.1, window + 0.9)
        controller.advance(window + 1.0)
    assert controller.state.measuring


def test_a_fixed_minimum_is_never_measured() -> None:
    controller = Concurrency(1.0, fixed=0.1)
    controller.advance(0.0)
    for window in range(9):
        controller.sample(window + 0.1, window + 0.9)
        controller.advance(window + 1.0)
    assert (controller.state.measuring, controller.state.limit) == (False, 3)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), max_size=80))
def test_the_limit_stays_within_its_bounds(samples: list[tuple[int, int]]) -> None:
    controller, now = Concurrency(0.1, 1.0, requests=3, least=2, most=20), 0.0
    for pause, latency in samples:
        now += pause / 100
        controller.advance(now)
        controller.sample(now, now + latency / 100)
        now += latency / 100
        assert 2 <= controller.state.limit <= 20
        assert controller.state.measuring or controller.state.update_at > now


def test_room_is_given_back_by_every_end() -> None:
    gate = asyncio.Event

    async def main() -> None:
        controller, opened = Concurrency(1.0, 60.0, least=1), gate()

        async def slow(request: Request) -> Response:
            await opened.wait()
            return Response(200, [], Body(), request.record)

        send = controller.around(slow)
        first = asyncio.ensure_future(send(asked()))
        await asyncio.sleep(0)
        with pytest.raises(Crowded) as caught:
            await send(asked())
        assert (caught.value.status, caught.value.details) == (503, "reached_concurrency_limit")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (controller.state.outstanding, controller.state.samples) == (0, [])
        opened.set()
        assert (await send(asked())).status == 200
        assert controller.state.outstanding == 0

    run(main())
