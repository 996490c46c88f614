"""Sends a case's requests, whoever takes them, and gathers what came of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from harness.case import Ask, Case
from harness.outcome import Answer, Exchange
from harness.shorthand import Place
from harness.upstream import Seen

PATIENCE = 5.0  # seconds
Send: TypeAlias = Callable[[Ask], Awaitable[Answer]]
Change: TypeAlias = Callable[[], Awaitable[object]]


async def in_time(sending: Awaitable[Answer]) -> Answer:
    """A client loses patience at last, whatever the routes say."""
    try:
        return await asyncio.wait_for(sending, PATIENCE)
    except TimeoutError:
        return Answer(0, [], "", broken=True, note="no answer")


async def drive(case: Case, send: Send, seen: list[Seen], change: Change) -> list[list[Exchange]]:
    """The exchanges of each ask. `seen` grows as upstreams see requests; `change` tells what the case says of later."""

    port = str(Place(case).port)

    async def later(ask: Ask) -> Answer:
        await asyncio.sleep(ask.pause)
        return await in_time(send(ask))

    async def exchange(ask: Ask, times: int) -> Exchange:
        seen.clear()
        ask = replace(ask, host=ask.host.replace("{port}", port))
        sending = [in_time(send(ask)) for _ in range(times)]
        answers = await asyncio.gather(*sending, *(later(each) for each in ask.beside))
        if case.settle:
            await asyncio.sleep(case.settle)
        return Exchange(list(answers), list(seen))

    async def all_of(ask: Ask) -> list[Exchange]:
        if ask.pause:
            await asyncio.sleep(ask.pause)
        if ask.later:
            await change()
        if ask.together:
            return [await exchange(ask, ask.repeat)]
        return [await exchange(ask, 1) for _ in range(ask.repeat)]

    return [await all_of(ask) for ask in case.asks]
