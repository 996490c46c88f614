"""Does anything leak? A minute of everything at once, then the counts.

    python benches/soak.py        (SECONDS=N: another length)

A mesh over a folder of YAML that is edited every second, and upstreams in a process of their own: two that answer,
one that fails, stalls, resets and breaks off as a dice says, and one that dies and comes back. Callers read whole
answers, stream both ways, give up half way, are cancelled and run into timeouts. At the end nothing may be under
way: exit code 1 when a counter is not zero, a task or connection is left, memory has grown, a service that is in
order failed, or a caller saw an error that is not meshio's.
"""

import asyncio
import gc
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import monotonic
from typing import TypeAlias

import meshio

SECONDS = float(os.environ.get("SECONDS", "60"))
CALLERS = 16
GROWTH = 16.0  # MiB of resident memory that may come after the first tenth
SETTLED = 15.0  # seconds in which everything has to come to rest
EXPECTED = {"good": {200}, "bad": {200, 500, 502, 503, 504}, "mortal": {200, 503}}
YAML = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{name}.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{endpoints}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{name}]
  http:
  - route: [{{destination: {{host: {name}}}}}]
    retries: {{attempts: {attempts}, retryOn: "connect-failure,reset,5xx"}}
    timeout: 0.5s
---
"""
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LONG = b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + bytes(300_000)
DICE = Random(1)
Writers: TypeAlias = set[asyncio.StreamWriter]
Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


# The upstreams


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    while b"chunked" in head:
        size = int((await reader.readuntil(b"\r\n")), 16)
        await reader.readexactly(size + 2)
        if not size:
            break
    return head


async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head = await read_request(reader)
        writer.write(LONG if b"/long" in head else OK)
        await writer.drain()


async def bad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        match DICE.randrange(8):
            case 0:
                writer.transport.abort()
                return
            case 1:
                writer.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
            case 2:
                await asyncio.sleep(2)
                return
            case 3:
                writer.write(LONG[:100_000])
                return
            case 4:
                writer.write(b"nonsense\r\n\r\n")
                return
            case _:
                writer.write(OK)
        await writer.drain()


def upstreams(pipe: Connection) -> None:
    """The other process: listen, tell the ports, go on until it is ended."""
    asyncio.run(listen(pipe))


async def listen(pipe: Connection) -> None:
    """Serve for ever; the last one lives for a second and a half, and is dead for half a second."""
    servers = [await asyncio.start_server(serving(talk, set()), "127.0.0.1", 0) for talk in (good, good, bad)]
    mortals: Writers = set()
    mortal = await asyncio.start_server(serving(good, mortals), "127.0.0.1", 0)
    port = port_of(mortal)
    pipe.send([*map(port_of, servers), port])
    while True:
        await asyncio.sleep(1.5)
        mortal.close()
        for writer in list(mortals):
            writer.transport.abort()
        await asyncio.sleep(0.5)
        mortal = await asyncio.start_server(serving(good, mortals), "127.0.0.1", port)


def serving(talk: Talk, writers: Writers) -> Talk:
    """Talk on each connection until either side has enough; `writers` are those of the open ones."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writers.discard(writer)
            writer.close()

    return serve


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


# The callers


class Tally:
    """What came back, by service; and what should not have."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.unexpected: Counter[str] = Counter()

    def reply(self, service: str, reply: meshio.Reply) -> None:
        self.outcomes[service, ",".join(reply.mesh.flags) or str(reply.status)] += 1
        if reply.status not in EXPECTED[service]:
            self.unexpected[f"{service}: {reply.status} {reply.mesh}"] += 1

    def error(self, service: str, error: Exception, *, hasty: bool) -> None:
        name = type(error).__name__
        self.outcomes[service, name] += 1
        if not ((isinstance(error, meshio.RequestError) and service != "good") or (hasty and name == "TimeoutError")):
            self.unexpected[f"{service}: {error!r}"] += 1


async def pieces(dice: Random) -> AsyncIterator[bytes]:
    for _ in range(dice.randrange(1, 20)):
        await asyncio.sleep(0)
        yield bytes(dice.randrange(1, 5000))


async def call(mesh: meshio.Mesh, dice: Random, tally: Tally) -> None:
    """One request, in one of the ways that there are."""
    service = dice.choice(("good", "good", "bad", "mortal"))
    url, kind = f"http://{service}/", dice.randrange(6)
    try:
        match kind:
            case 0:
                reply = await mesh.post(url, content=pieces(dice))
            case 1:
                async with mesh.stream("GET", url + "long") as reply:
                    async for _ in reply.stream():
                        if dice.random() < 0.2:
                            break
            case 2:
                reply = await mesh.get(url + "long")
            case 3:
                reply = await mesh.get(url, timeout=dice.random() / 50)
            case _:
                reply = await mesh.get(url)
        tally.reply(service, reply)
    except (meshio.RequestError, TimeoutError) as error:
        tally.error(service, error, hasty=kind == 3)


async def caller(mesh: meshio.Mesh, number: int, until: float, tally: Tally) -> None:
    """One request after another; every tenth is cancelled at some time."""
    dice = Random(number)
    while monotonic() < until:
        task = asyncio.create_task(call(mesh, dice, tally))
        if dice.random() < 0.1:
            await asyncio.sleep(dice.random() / 100)
            task.cancel()
            tally.outcomes["any", "cancelled"] += 1
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            tally.unexpected[repr(error)] += 1


async def edit(folder: Path, ports: list[int], until: float) -> int:
    """Endpoints, routes and whole services come and go, once a second."""
    edits = 0
    while monotonic() < until:
        await asyncio.sleep(1)
        edits += 1
        write(folder, ports, edits)
    return edits


def write(folder: Path, ports: list[int], number: int) -> None:
    services = {"good": (ports[:2], [ports[0]], [ports[1]])[number % 3], "bad": ports[2:3], "mortal": ports[3:]}
    if number % 2:
        services["extra"] = ports[:1]
    text = "".join(
        YAML.format(
            name=name,
            endpoints=", ".join(f"{{address: 127.0.0.1, ports: {{http: {port}}}}}" for port in each),
            attempts=2 if name == "good" else number % 3,
        )
        for name, each in services.items()
    )
    (folder / "new").write_text(text)
    (folder / "new").rename(folder / "mesh.yaml")


# The counts


def resident() -> float:
    """MiB of this process, 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except FileNotFoundError:
        return 0.0


def under_way(mesh: meshio.Mesh) -> dict[str, int]:
    """Everything that has to be zero when nobody asks for anything."""
    ups, pools = mesh.upstreams.values(), mesh.pools.counters
    return {
        "active": sum(each.active for each in ups),
        "pending": sum(each.pending for each in ups),
        "retries": sum(each.retries for each in ups),
        "inflight": sum(host.inflight for each in ups for host in each.hosts.values()),
        "waiting": pools.waiting,
        "connecting": pools.connecting,
        "busy": pools.open - pools.idle,
        "uncounted": abs(pools.open - sum(each.connections for each in ups)),
    }


async def rest(mesh: meshio.Mesh) -> dict[str, int]:
    patience = monotonic() + SETTLED
    while any((counts := under_way(mesh)).values()) and monotonic() < patience:  # noqa: ASYNC110  no event says it
        await asyncio.sleep(0.05)
    return counts


async def soak(folder: Path, ports: list[int]) -> list[str]:
    """What is wrong at the end, in words; everything else is printed."""
    write(folder, ports, 0)
    before, tally = len(asyncio.all_tasks()), Tally()
    async with meshio.Mesh.from_env({"MESHIO_CONFIG": str(folder)}) as mesh:
        own = len(asyncio.all_tasks()) - before
        until = monotonic() + SECONDS
        warm = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(SECONDS / 10, lambda: warm.set_result(resident()))
        edits, *_ = await asyncio.gather(
            edit(folder, ports, until), *(caller(mesh, number, until, tally) for number in range(CALLERS))
        )
        counts = await rest(mesh)
        gc.collect()
        extra = len(asyncio.all_tasks()) - before - own
        pools, grown = mesh.pools.counters, resident() - await warm
        print(f"requests     {tally.outcomes.total()} in {SECONDS:g} s, {edits} edits of the YAML")
        for (service, outcome), number in sorted(tally.outcomes.items()):
            print(f"  {service:7} {outcome:18} {number}")
        print(f"connections  {pools.open} open, {pools.idle} idle, {pools.dialled} dialled")
        print(f"tasks        {own} of the mesh, {extra} more")
        print(f"memory       {warm.result():.1f} MiB resident after the first tenth, {grown:+.1f} at the end")
        print("counters     " + ", ".join(f"{name} {number}" for name, number in counts.items()))
    left = len(asyncio.all_tasks()) - before + mesh.pools.counters.open
    return [
        *(f"unexpected, {number} times: {what}" for what, number in tally.unexpected.items()),
        *(f"{name} is {number} with nothing under way" for name, number in counts.items() if number),
        *([f"{extra} tasks more than before"] if extra else []),
        *([f"{left} tasks and connections outlive the mesh"] if left else []),
        *([f"{grown:.1f} MiB more; {GROWTH:g} are allowed"] if grown > GROWTH else []),
    ]


def main() -> int:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=upstreams, args=(theirs,), daemon=True)
    process.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            wrong = asyncio.run(soak(Path(folder), ours.recv()))
    finally:
        process.terminate()
        process.join()
    for each in wrong:
        print(f"LEAK OR ERROR  {each}", file=sys.stderr)
    print("failed" if wrong else "nothing leaked")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
