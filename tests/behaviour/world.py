"""A real mesh from a folder of YAML, and upstreams that are real sockets, well-behaved or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import meshio

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SERVICE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: web, namespace: default}}
spec:
  hosts: [web.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{endpoints}]
"""


@dataclass
class Upstream:
    """A listening socket. `talk` is what it does with each connection; it counts them. Leaving kills them."""

    talk: Talk
    port: int = 0
    connections: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def open(self) -> int:
        return len(self.writers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        try:
            await self.talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Upstream"]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.transport.abort()
            await server.wait_closed()
            await until(lambda: not self.writers)


def answering(answer: bytes, *, close: bool = False) -> Talk:
    """Read a request head, write these bytes, and again; with `close`, once."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if close:
                return

    return talk


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def entry(*ports: int) -> str:
    return SERVICE.format(endpoints=", ".join(f"{{address: 127.0.0.1, ports: {{http: {port}}}}}" for port in ports))


@asynccontextmanager
async def mesh_of(folder: Path, *documents: str) -> AsyncIterator[meshio.Mesh]:
    """A mesh over these documents; afterwards nothing of it may be left."""
    (folder / "mesh.yaml").write_text("---".join(documents))
    async with meshio.Mesh.from_env({"MESHIO_CONFIG": str(folder)}) as mesh:
        yield mesh
        assert idle(mesh)


def idle(mesh: meshio.Mesh) -> bool:
    """No request counts as under way any more."""
    return all(
        (each.active, each.pending, each.retries) == (0, 0, 0)
        and not any(host.inflight for host in each.hosts.values())
        for each in mesh.upstreams.values()
    )


async def until(reached: Callable[[], bool]) -> None:
    """Look every few milliseconds, for at most 10 seconds."""
    async with asyncio.timeout(10):
        while not reached():  # noqa: ASYNC110  what is waited for are counters of the mesh and sockets of the peer
            await asyncio.sleep(0.005)
