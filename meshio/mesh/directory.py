"""Addresses of the hosts that requests name: looked up for the first who asks, and kept fresh.

Envoy: dns_cache_impl.cc.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from meshio.errors import TooManyLookUps, TooManyNames, UnknownName
from meshio.mesh.snapshot import Snapshot
from meshio.naming.cache import NameCache, pause_after
from meshio.naming.resolver import Answer, LookUp, Resolver
from meshio.resilience.named_host import NamedHost
from meshio.routing.filters import Filter
from meshio.routing.listener import HttpChain, Listener
from meshio.upstream.cluster import Cluster, Discovery, DynamicForward
from meshio.upstream.endpoint import Address, Endpoint
from meshio.upstream.host import name_of

Forgotten: TypeAlias = Callable[[NameCache, Address], None]


class Entry:
    """One name.

    ready    it was looked up once, well or not
    used     loop time of the last request that asked for it
    reason   why it has no address
    """

    __slots__ = ("ready", "reason", "used")

    def __init__(self, used: float) -> None:
        self.ready = asyncio.Event()
        self.used = used
        self.reason = ""


class Directory:
    """One cache of names, each of them with a task that looks it up again and again until it is forgotten.

    endpoints   at the addresses of each name that has any; an endpoint stays the same object as long as they do
    waiting     requests that wait for a look-up
    """

    def __init__(self, cache: NameCache, look_up: LookUp, forgotten: Forgotten) -> None:
        self.cache = cache
        self.endpoints: dict[Address, Endpoint] = {}
        self.waiting = 0
        self._look_up = look_up
        self._forgotten = forgotten
        self._entries: dict[Address, Entry] = {}
        self._tasks: dict[Address, asyncio.Task[None]] = {}
        for place in cache.ahead:
            self._begin(place)

    async def find(self, address: Address) -> None:
        """Return when the name has an endpoint. Raises UnknownName, TooManyNames, TooManyLookUps."""
        if self.waiting >= self.cache.waiting:
            raise TooManyLookUps(f"{self.waiting} requests wait for look-ups of {self.cache.name!r} already")
        entry = self._entries.get(address) or self._begin(address)
        entry.used = asyncio.get_running_loop().time()
        if not entry.ready.is_set():
            self.waiting += 1
            try:
                await entry.ready.wait()
            finally:
                self.waiting -= 1
        if address not in self.endpoints:
            raise UnknownName(name_of(*address), entry.reason)

    def __len__(self) -> int:
        """How many names it knows or looks up, well or not."""
        return len(self._entries)

    def cancel(self) -> Iterable[asyncio.Task[None]]:
        """Look nothing up any more; who still waits is told so."""
        for task in self._tasks.values():
            task.cancel()
        for entry in self._entries.values():
            entry.reason = entry.reason or "the names are not looked up any more"
            entry.ready.set()
        return self._tasks.values()

    def _begin(self, address: Address) -> Entry:
        if len(self._entries) >= self.cache.most:
            raise TooManyNames(f"{self.cache.name!r} knows {self.cache.most} names, as many as it may")
        loop = asyncio.get_running_loop()
        entry = self._entries[address] = Entry(loop.time())
        self._tasks[address] = loop.create_task(self._keep(address, entry))
        return entry

    async def _keep(self, address: Address, entry: Entry) -> None:
        """Look up a name until nobody has asked for it for long enough."""
        cache, loop, failures = self.cache, asyncio.get_running_loop(), 0
        while True:
            answer = await self._ask(address[0])
            failures = failures + 1 if answer.failed else 0
            self._take(address, entry, answer)
            if answer.failed and not cache.tries_again and address not in self.endpoints:
                break
            await asyncio.sleep(pause_after(answer, cache, failures))
            if loop.time() - entry.used > cache.lifetime:
                break
        del self._entries[address], self._tasks[address]
        if self.endpoints.pop(address, None) is not None:
            self._forgotten(cache, address)

    async def _ask(self, host: str) -> Answer:
        cache = self.cache
        try:
            async with asyncio.timeout(cache.patience or None):
                return await self._look_up(cache.resolver, host, cache.family)
        except TimeoutError:
            return Answer(failed=True, reason="resolve_timeout")

    def _take(self, address: Address, entry: Entry, answer: Answer) -> None:
        """What has no address any more keeps those it had."""
        host, port = address
        if answer.addresses:
            first, *others = ((found, port) for found, _ in answer.addresses)
            endpoint = Endpoint(first, hostname=name_of(host, port), others=tuple(others))
            if self.endpoints.get(address) != endpoint:
                self.endpoints[address] = endpoint
        entry.reason = answer.reason
        entry.ready.set()


class Directories:
    """The caches of names that a snapshot speaks of, each by what is said of it."""

    def __init__(self, look_up: LookUp, forgotten: Forgotten) -> None:
        self._look_up = look_up
        self._forgotten = forgotten
        self._open: dict[NameCache, Directory] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def of(self, cache: NameCache) -> Directory:
        directory = self._open.get(cache)
        if directory is None:
            directory = self._open[cache] = Directory(cache, self._look_up, self._forgotten)
        return directory

    def known(self, cache: NameCache) -> Mapping[Address, Endpoint]:
        """The endpoints of names, as they become known."""
        return self.of(cache).endpoints

    def follow(self, snapshot: Snapshot) -> None:
        """Close what the snapshot does not speak of any more, and begin with what it wants looked up ahead."""
        wanted = caches_of(snapshot)
        for cache in self._open.keys() - wanted:
            self._end(self._open.pop(cache))
        for cache in wanted:
            self.of(cache)

    async def aclose(self) -> None:
        while self._open:
            self._end(self._open.popitem()[1])
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self, directory: Directory) -> None:
        for task in directory.cancel():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


def caches_of(snapshot: Snapshot) -> set[NameCache]:
    """Of clusters, and of filters where there are such clusters: they concern no others."""
    found = {each.cache for each in map(discovery_of, snapshot.clusters.values()) if isinstance(each, DynamicForward)}
    if found:
        found |= {
            each.layer.cache
            for listener in snapshot.listeners.values()
            for each in filters_of(listener)
            if isinstance(each.layer, NamedHost) and each.layer.cache is not None
        }
    return found


def discovery_of(cluster: Cluster) -> Discovery:
    return cluster.discovery


def filters_of(listener: Listener) -> Iterator[Filter]:
    for chain in (*listener.chains, *((listener.default,) if listener.default is not None else ())):
        if isinstance(chain.target, HttpChain):
            yield from chain.target.filters


async def nobody(resolver: Resolver, host: str, family: str) -> Answer:
    """For a mesh that looks no names up."""
    return Answer(failed=True, reason="names are not looked up")
