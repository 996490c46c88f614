"""Servers that keep what they saw and do what the script says."""

import asyncio
import errno
import re
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.case import Case, pairs
from harness.orca import PREFACE, tell
from harness.shorthand import Place, scripts, zone
from tests.nameserver import naming

WORDS: Mapping[str, Mapping[str, Any]] = {
    "ok": {},
    "close": {"raw": ""},
    "half": {"raw": "HTTP/1.1 200 OK\r\ncontent-le"},
    "garbage": {"raw": "NOT HTTP AT ALL\r\n\r\n"},
    "cut": {"raw": "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"},
    "reset": {"reset": True},
    "stall": {"delay": 3600},
}
"""Replies by name. As a mapping: status, headers, body, delay (seconds before it), chunked, close (after it), raw, and
numbered: the body says over which of the connections that have had requests it goes."""


REQUEST_ID = re.compile(rb"(?i)\r\nx-request-id: *([^\r]+)")
CHECKER = b"\r\nuser-agent: envoy/hc"


def is_health(told: Any) -> bool:
    return isinstance(told, dict) and "health" in told


def is_load(told: Any) -> bool:
    return isinstance(told, dict) and "load" in told


@dataclass
class Seen:
    """One request as an upstream got it, and when: seconds of the loop's clock, or of Envoy's."""

    upstream: str
    raw: bytes
    at: float

    @property
    def request(self) -> str:
        """The id that all tries of a request have."""
        found = REQUEST_ID.search(self.raw)
        return found[1].decode("latin-1") if found is not None else ""


@dataclass
class Upstream:
    name: str
    script: list[Any]
    health: list[Any]
    load: Any
    seen: list[Seen]
    served: int = 0
    checked: int = 0
    used: int = 0
    numbers: dict[asyncio.Task[None] | None, int] = field(default_factory=dict)
    open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open[asyncio.current_task()] = writer
        try:
            while await self.exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self.open[asyncio.current_task()]
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; tells whether the connection goes on."""
        raw = await read_message(reader)
        if raw == PREFACE:
            await tell(self.load, reader, writer)
            return False
        if CHECKER in raw.lower():
            return await self.check(raw, reader, writer)
        self.seen.append(Seen(self.name, raw, asyncio.get_running_loop().time()))
        told = self.script[min(self.served, len(self.script) - 1)]
        self.served += 1
        reply = WORDS[told] if isinstance(told, str) else told
        number = self.number()
        if reply.get("numbered"):
            reply = {**reply, "body": f"{reply.get('body', 'ok')} over connection {number}"}
        if delay := reply.get("delay"):
            await abandoned(reader, float(delay))
        if reply.get("reset"):
            writer.write(str(reply.get("raw", "")).encode("latin-1"))
            await asyncio.sleep(0.05 if "raw" in reply else 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        writer.write(written(reply, raw.startswith(b"HEAD ")))
        await writer.drain()
        return "raw" not in reply and not reply.get("close")

    def number(self) -> int:
        """Of the connection, among those that have had a request."""
        task = asyncio.current_task()
        if task not in self.numbers:
            self.used += 1
            self.numbers[task] = self.used
        return self.numbers[task]

    async def check(self, raw: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Health checks are not counted, as how many there are is up to clocks. What a good one has to look like is
        said by `asked`; without `health`, all are well."""
        told = self.health[min(self.checked, len(self.health) - 1)] if self.health else {}
        self.checked += 1
        if told == "close":
            return False
        if told == "stall":
            await abandoned(reader, 3600)
        asked = told.get("asked")
        if asked is not None and any(part.encode("latin-1") not in raw for part in asked):
            told = {"status": 500}
        writer.write(written(told, raw.startswith(b"HEAD ")))
        await writer.drain()
        return not told.get("close")


async def abandoned(reader: asyncio.StreamReader, seconds: float) -> None:
    """Wait; raises IncompleteReadError when the client leaves meanwhile."""
    try:
        raise asyncio.IncompleteReadError(await asyncio.wait_for(reader.read(1), seconds), None)
    except TimeoutError:
        pass


def written(reply: Mapping[str, Any], bodiless: bool) -> bytes:
    if "raw" in reply:
        return str(reply["raw"]).encode("latin-1")
    status, body = int(reply.get("status", 200)), str(reply.get("body", "ok")).encode("latin-1")
    if status in (204, 304):
        body = b""
    lines = [f"HTTP/1.1 {status} Told", *(f"{name}: {value}" for name, value in pairs(reply.get("headers", {})))]
    chunked = reply.get("chunked") and status not in (204, 304)
    if chunked:
        lines.append("transfer-encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif status != 204:
        lines.append(f"content-length: {len(body)}")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    return head if bodiless else head + body


async def read_message(reader: asyncio.StreamReader, bodiless: bool = False, came: list[bytes] | None = None) -> bytes:
    """Head and body of one HTTP/1.1 message; chunked bodies are joined. `came` gets the head as soon as it is there."""
    head = await reader.readuntil(b"\r\n\r\n")
    if came is not None:
        came.append(head)
    if bodiless or re.match(rb"HTTP/1.1 (1..|204|304) ", head):
        return head
    if length := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
        return head + await reader.readexactly(int(length[1]))
    if b"transfer-encoding: chunked" not in head.lower():
        return head + (b"" if not head.startswith(b"HTTP/1.") else await reader.read())
    body = b""
    while size := await chunk_size(reader):
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readline() not in (b"\r\n", b""):
        pass
    return head + body


async def chunk_size(reader: asyncio.StreamReader) -> int:
    line = await reader.readuntil(b"\r\n")
    return int(line.partition(b";")[0], 16)


@asynccontextmanager
async def serving(case: Case) -> AsyncIterator[list[Seen]]:
    """All upstreams of a case, and its name server. Gives the list of what upstreams see, in the order it comes."""
    place, seen = Place(case), list[Seen]()
    async with AsyncExitStack() as stack:
        if "dns" in case.told:
            await stack.enter_async_context(naming(zone(case.told["dns"], place), place.names_at))
        for name, whole in scripts(case).items():
            script = [each for each in whole if not is_health(each) and not is_load(each)] or ["ok"]
            load = next((each["load"] for each in whole if is_load(each)), None)
            health = next((each["health"] for each in whole if is_health(each)), [])
            if script == ["refuse"]:
                continue
            if script == ["deaf"]:
                stack.enter_context(deaf(place.at(name)))
                continue
            await stack.enter_async_context(listening(Upstream(name, script, health, load, seen), place.at(name)))
        yield seen


@asynccontextmanager
async def listening(upstream: Upstream, at: tuple[str, int]) -> AsyncIterator[None]:
    server = await bound(upstream, at)
    try:
        yield
    finally:
        server.close()
        for writer in list(upstream.open.values()):
            writer.transport.abort()
        await asyncio.gather(*(task for task in upstream.open if task), return_exceptions=True)


async def bound(upstream: Upstream, at: tuple[str, int]) -> asyncio.Server:
    """Another run of the same case may have its address still."""
    for _ in range(100):
        try:
            return await asyncio.start_server(upstream.serve, *at)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            await asyncio.sleep(0.05)
    raise TimeoutError(f"{at} is in use")


@contextmanager
def deaf(at: tuple[str, int]) -> Iterator[None]:
    """A socket whose backlog is full: connections to it are neither accepted nor refused."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(at)
        listening.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(at)
        try:
            yield
        finally:
            for each in fill:
                each.close()
