"""The control plane of one Envoy: gives it a world, and tells whether it took it."""

import asyncio
from typing import Self

from harness.world import World
from meshio.testing.stream import ScriptedStream
from meshio.xds.discovery import Ask
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, ROUTES, WORDS

NOTHING = World({}, "", frozenset())


class Plane:
    """State of the world over one stream. Clusters go first, then their endpoints, listeners, and routes."""

    def __init__(self, stream: ScriptedStream) -> None:
        self._stream = stream
        self._world = NOTHING
        self._nonces = 0
        self._wanted: dict[str, frozenset[str]] = {}
        self._waiting: dict[str, tuple[str, asyncio.Future[bool]]] = {}  # by nonce: type, whether it was taken
        self._asked = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def push(self, world: World) -> list[str]:
        """Bring a world into service. Gives the kinds of resources that were refused."""
        self._world = world
        taken = await self._clusters(world)
        if not all(taken.values()):
            return [WORDS[type_url] for type_url, well in taken.items() if not well]
        taken[LISTENER] = await self._when_asked(LISTENER, frozenset())
        if taken[LISTENER]:
            taken[ROUTES] = await self._when_asked(ROUTES, frozenset({world.table}))
        return [WORDS[type_url] for type_url, well in taken.items() if not well]

    async def _clusters(self, world: World) -> dict[str, bool]:
        """Envoy answers for clusters when all of them have their endpoints; one that lacks them, never."""
        told = asyncio.create_task(self._tell(CLUSTER))
        if not world.eds:
            return {CLUSTER: await told}
        asked = asyncio.create_task(self._when_asked(ASSIGNMENT, world.eds))
        await asyncio.wait({told, asked}, return_when=asyncio.FIRST_COMPLETED)
        if told.done() and not told.result():
            asked.cancel()
            return {CLUSTER: False}
        taken = {ASSIGNMENT: await asked}
        if taken[ASSIGNMENT]:
            return {CLUSTER: await told, **taken}
        told.cancel()
        return taken

    async def begin(self) -> None:
        """Envoy asks for listeners once it has taken clusters, if only none."""
        await self._tell(CLUSTER)
        await self._when_asked(LISTENER, frozenset())

    async def clear(self) -> None:
        """Take everything back."""
        self._world = NOTHING
        await self._tell(LISTENER)
        await self._tell(CLUSTER)

    async def _when_asked(self, type_url: str, names: frozenset[str]) -> bool:
        while type_url not in self._wanted or not names <= self._wanted[type_url]:
            self._asked.clear()
            await self._asked.wait()
        return await self._tell(type_url)

    async def _tell(self, type_url: str) -> bool:
        """Send what there is of a type; whether it was accepted."""
        self._nonces += 1
        nonce = f"{self._nonces}"
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[nonce] = (type_url, taken)
        await self._stream.reply(type_url, nonce, nonce, self._world.resources.get(type_url, {}))
        return await taken

    async def _read(self) -> None:
        while True:
            ask = await self._stream.ask()
            assert isinstance(ask, Ask)
            self._wanted[ask.type_url] = frozenset(ask.names)
            self._asked.set()
            _, taken = self._waiting.get(ask.nonce, ("", None))
            if taken is not None and not taken.done() and (ask.error or ask.version == ask.nonce):
                taken.set_result(not ask.error)  # what says neither is a change of subscription
