"""From replies to held values: decode what is good, refuse what is bad, in steps that do not stall the loop."""

import asyncio
from collections import Counter
from time import perf_counter
from typing import Any

from meshio.errors import Rejected
from meshio.mesh.snapshot import Version
from meshio.xds.decode import Decoder
from meshio.xds.discovery import Change, Faults, Reply, Resource
from meshio.xds.holdings import Holdings
from meshio.xds.types import NAMES, WORDS

STEP = 0.002  # seconds of decoding between two turns of the loop


class Intake:
    """Fills the holdings. A reply is decoded first and taken over in one step, so that nobody sees half of it."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self.holdings = Holdings(self._decoder.forget)

    async def take(self, reply: Reply, change: Change, now: float) -> Faults:
        """Take over what is good and say what is not; the last good value of what is not stays."""
        if reply.type_url not in WORDS:
            return {reply.type_url: f"{reply.type_url}: type_url: was never asked for"}
        faults = unnamed(change) | repeated(change)
        values = await self._decode(reply, change, faults)
        self._put(reply, change, values, now)
        self.holdings.expect(reply.type_url, faults)
        return faults

    async def _decode(self, reply: Reply, change: Change, faults: dict[str, str]) -> list[tuple[Resource, Any]]:
        values, began = [], perf_counter()
        for resource in change.resources:
            if resource.name in faults:
                continue
            try:
                values.append((resource, await self._value(reply.type_url, resource)))
            except Rejected as error:
                faults[resource.name] = str(error)
            if perf_counter() - began > STEP:
                await asyncio.sleep(0)
                began = perf_counter()
        return values

    async def _value(self, type_url: str, resource: Resource) -> object:
        if resource.type_url != type_url:
            raise Rejected(resource.name, "type_url", f"is {resource.type_url!r} in a response of {type_url!r}")
        return await self._decoder.decode_gently(type_url, resource.name, resource.raw)

    def _put(self, reply: Reply, change: Change, values: list[tuple[Resource, Any]], now: float) -> None:
        holdings, type_url = self.holdings, reply.type_url
        if change.full:
            holdings.keep(type_url, frozenset(resource.name for resource in change.resources))
        holdings.lose(type_url, change.gone)
        version = Version(reply.version, now)
        for resource, value in values:
            own = Version(resource.version, now) if resource.version else version
            holdings.put(type_url, resource.name, value, own)
        holdings.took(type_url, version)


def unnamed(change: Change) -> dict[str, str]:
    """Only the name table has no name."""
    if any(not resource.name and resource.type_url != NAMES for resource in change.resources):
        return {"": "a resource without a name: name: is required"}
    return {}


def repeated(change: Change) -> dict[str, str]:
    """A name that comes twice in one reply says two things at once."""
    counts = Counter(resource.name for resource in change.resources if resource.name)
    return {name: f"{name}: name: comes {times} times in one response" for name, times in counts.items() if times > 1}
