"""The ways of asking. Each is a context that gives, for a case, what its N callers call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from end_to_end.cases import CHUNK, HEADERS, HOST, PORT, Case
from end_to_end.load import Call

if TYPE_CHECKING:
    from meshio import Mesh

Make = Callable[[Case], Awaitable[list[Call]]]
NAMED = f"http://{HOST}:{PORT}"


@dataclass(frozen=True)
class Target:
    """Where a client sends: a port of this machine, and for meshio the folder of its mesh."""

    port: int
    folder: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Way = Callable[[Target], AbstractAsyncContextManager[Make]]


class Bare(asyncio.Protocol):
    """The floor: no parsing, no pool. It knows how long a body will be, and waits for that much."""

    transport: asyncio.Transport
    waiter: asyncio.Future[None] | None = None
    left = -1  # bytes of the body that are still to come; before the end of the head: -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        if self.left < 0:
            assert data.startswith(b"HTTP/1.1 200"), data
            self.left = self.size - (len(data) - data.index(b"\r\n\r\n") - 4)
        else:
            self.left -= len(data)
        if not self.left and self.waiter is not None:
            self.waiter.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(error or ConnectionResetError("closed by the peer"))

    async def exchange(self, wire: bytes, size: int, upload: bytes) -> None:
        self.left, self.size = -1, size
        self.waiter = self.loop.create_future()
        self.transport.write(wire)
        if upload:
            self.transport.write(upload)
        await self.waiter


@asynccontextmanager
async def floor(target: Target) -> AsyncIterator[Make]:
    lines: list[Bare] = []

    async def make(case: Case) -> list[Call]:
        loop = asyncio.get_running_loop()
        while len(lines) < case.concurrency:
            lines.append((await loop.create_connection(Bare, "127.0.0.1", target.port))[1])
        body, upload = (b"", b"x" * case.upload) if case.streamed else (b"x" * case.upload, b"")
        ask = wire(case) + body
        return [partial(line.exchange, ask, case.answer, upload) for line in lines[: case.concurrency]]

    yield make
    for line in lines:
        line.waiter = None
        line.transport.close()


def wire(case: Case) -> bytes:
    length = {"content-length": str(case.upload)} if case.upload else {}
    lines = [f"{name}: {value}\r\n" for name, value in {"host": HOST, **HEADERS, **length}.items()]
    return f"{case.method} {case.path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


async def upload(case: Case) -> AsyncIterator[bytes]:
    """A streamed body."""
    chunk = b"x" * CHUNK
    for _ in range(case.upload // CHUNK):
        yield chunk


def headers(case: Case, origin: str) -> dict[str, str]:
    """Of a request: who goes by address has to name the service, and a streamed body its length."""
    host = {} if origin == NAMED else {"host": HOST}
    return {**HEADERS, **host, **({"content-length": str(case.upload)} if case.streamed and case.upload else {})}


def in_mesh(target: Target) -> "Mesh":
    """Imported only by the ways that need it: memory is part of the result."""
    import meshio
    from meshio.controlplane.embedded import EmbeddedSource

    return meshio.Mesh([EmbeddedSource(target.folder, interval=60)])  # nobody edits its files


@asynccontextmanager
async def native(target: Target) -> AsyncIterator[Make]:
    async with in_mesh(target) as mesh:

        async def make(case: Case) -> list[Call]:
            url, sent, body = NAMED + case.path, headers(case, NAMED), b"x" * case.upload

            async def whole() -> None:
                if case.upload:
                    reply = await mesh.post(url, headers=sent, content=body)
                else:
                    reply = await mesh.get(url, headers=sent)
                assert reply.status == 200 and len(reply.content) == case.answer, reply

            async def streamed() -> None:
                content = upload(case) if case.upload else b""
                async with mesh.stream(case.method, url, headers=sent, content=content) as reply:
                    size = 0
                    async for chunk in reply.stream():
                        size += len(chunk)
                assert reply.status == 200 and size == case.answer, reply

            return [streamed if case.streamed else whole] * case.concurrency

        yield make
