"""Every scenario runs on both loops."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    """Run a scenario, on each loop."""

    def runner(scenario: Awaitable[None]) -> None:
        factory = None
        if request.param == "uvloop":
            factory = pytest.importorskip("uvloop").new_event_loop
        with asyncio.Runner(debug=True, loop_factory=factory) as loop:
            loop.run(scenario)

    return runner
