"""A gateway: an ASGI app that forwards whole requests through the mesh.

    python examples/hello.py &
    MESHIO_CONFIG=examples/mesh GATEWAY_HOSTS=localhost=hello python examples/gateway 8000
    curl localhost:8000

The mesh is that of the environment. Any ASGI server will do that speaks HTTP/1.1; `__main__.py` starts uvicorn with
the settings that a gateway wants.
"""

import os

import aiohttp
from exchange import Exchange, Receive, Send
from hop import Hosts, Scope
from tunnel import Tunnel

import meshio

HOSTS = "GATEWAY_HOSTS"
WRITTEN_BY_AIOHTTP = ("accept", "accept-encoding", "user-agent")


class Gateway:
    """The ASGI app. Its lifespan holds the mesh: the server accepts requests once the mesh has its configuration."""

    mesh: meshio.Mesh
    session: aiohttp.ClientSession

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await Exchange(self.mesh, self.hosts, scope).run(receive, send)
            case "websocket":
                await Tunnel(self.session, self.hosts, scope).run(receive, send)
            case "lifespan":
                await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with meshio.Mesh.from_env() as self.mesh:
                async with self._websockets() as self.session:
                    await send({"type": "lifespan.startup.complete"})
                    await receive()
        except meshio.MeshError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    def _websockets(self) -> aiohttp.ClientSession:
        """A session that adds nothing of its own to a handshake."""
        return aiohttp.ClientSession(
            connector=meshio.MeshConnector(self.mesh),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=WRITTEN_BY_AIOHTTP,
        )


app = Gateway(Hosts.parse(os.environ.get(HOSTS, "")))
