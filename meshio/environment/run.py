"""Run a program on the fastest loop that is there."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """`asyncio.run`, on uvloop where it is installed; `debug` as there. Everything works on both.

    Raises what the program raises, and RuntimeError inside of a running loop.
    """
    if asyncio._get_running_loop() is not None:
        main.close()
        raise RuntimeError("meshio.run() cannot be called from a running event loop: await the coroutine instead")
    with asyncio.Runner(debug=debug, loop_factory=loop_factory()) as runner:
        return runner.run(main)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes uvloop's loops; None, which is asyncio's own way, where it is not installed."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop
