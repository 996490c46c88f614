"""Real peers on loopback, and both event loops."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvloop

from meshio.balancing.round_robin import RoundRobin
from meshio.errors import RequestError
from meshio.message import Content, Headers, Request, Response
from meshio.transport.pool import Pools
from meshio.upstream.cluster import Cluster, HttpOptions, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

sys.path.insert(0, str(Path(__file__).parent))  # `llhttp_cases` is beside this file

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Run a coroutine function on each event loop, in debug mode."""

    def run(main):
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(debug=True, loop_factory=factory) as runner:
            return runner.run(main())

    run.uvloop = request.param == "uvloop"
    return run


@asynccontextmanager
async def listening(script: Script) -> AsyncIterator[int]:
    """A raw server: `script` gets every connection; a script that raises or returns closes its connection."""
    conversations: set[asyncio.Task[None]] = set()

    async def serve(reader, writer):
        conversations.add(asyncio.current_task())
        try:
            await script(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for _ in range(5):  # what was accepted last may not have begun yet
            await asyncio.sleep(0)
            for conversation in conversations:
                conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await asyncio.sleep(0)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """A request head."""
    return await reader.readuntil(b"\r\n\r\n")


def answers(*replies: bytes) -> Script:
    """Each request on a connection gets the next reply; after the last one the connection closes."""

    async def script(reader, writer):
        for reply in replies:
            await read_request(reader)
            writer.write(reply)

    return script


def always(reply: bytes) -> Script:
    async def script(reader, writer):
        while True:
            await read_request(reader)
            writer.write(reply)

    return script


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads nothing, says nothing."""
    await asyncio.Event().wait()


class Site:
    """A cluster with one host, and the pools to reach it."""

    def __init__(self, port: int, *, address: str = "127.0.0.1", **settings: object) -> None:
        endpoint = Endpoint((address, port))
        assignment = LoadAssignment("site", (LocalityEndpoints((endpoint,)),))
        options = {name: settings.pop(name) for name in list(settings) if name in HttpOptions.__slots__}
        cluster = Cluster("site", Static(assignment), RoundRobin(), http=HttpOptions(**options), **settings)
        self.upstream = Upstream()
        self.upstream.update(cluster, assignment)
        (self.host,) = self.upstream.hosts.values()
        self.pools = Pools()

    def request(self, method: bytes = b"GET", headers: Headers | None = None, body: Content = b"") -> Request:
        return Request(method, b"site", b"/", headers or [], body, host="site")

    async def send(self, request: Request, *, high: bool = False) -> Response:
        pools, host = self.pools.high() if high else self.pools, self.host
        connection = pools.idle(host, request) or await pools.connect(self.upstream, host, request)
        try:
            return await connection.send(request)
        except BaseException:
            connection.abandon(request)
            raise

    async def get(self, method: bytes = b"GET", headers: Headers | None = None, body: Content = b"") -> Response:
        return await self.send(self.request(method, headers, body))

    async def failure(self, **request: object) -> RequestError:
        """What a request, or reading its answer, ends with."""
        with pytest.raises(RequestError) as caught:
            await (await self.get(**request)).body.read()
        return caught.value

    @property
    def counts(self) -> tuple[int, int, int]:
        """Connections: open, idle, ever made."""
        counters = self.pools.counters
        return counters.open, counters.idle, counters.dialled

    async def settled(self, *counts: int) -> None:
        """Wait until the counters are these; a connection that closes takes a turn of the loop or two."""
        for _ in range(200):
            if self.counts == counts:
                return
            await asyncio.sleep(0.005)
        assert self.counts == counts


@asynccontextmanager
async def visiting(port: int, **settings: object) -> AsyncIterator[Site]:
    site = Site(port, **settings)
    try:
        yield site
    finally:
        await site.pools.aclose()
        assert site.counts[:2] == (0, 0)
        assert site.upstream.connections == site.upstream.pending == site.upstream.active == site.host.inflight == 0


@pytest.fixture
def net():
    """What tests of the transport are made of."""
    return SimpleNamespace(
        listening=listening,
        visiting=visiting,
        read_request=read_request,
        answers=answers,
        always=always,
        silent=silent,
    )
