"""Work in steps: a generator that yields about every millisecond and returns what it was made for."""

import asyncio
from collections.abc import Generator
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

STEP = 0.001  # seconds of work before the loop gets a turn; a step takes up to that much again


def finished(steps: Generator[None, None, T]) -> T:
    """The value, in one go. Raises what the steps raise."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            value: T = done.value
            return value


async def gently(steps: Generator[None, None, T]) -> T:
    """The value, giving the loop its turn in between. Raises what the steps raise."""
    began = perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as done:
            value: T = done.value
            return value
        if perf_counter() - began > STEP:
            await asyncio.sleep(0)
            began = perf_counter()
