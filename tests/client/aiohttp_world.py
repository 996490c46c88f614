"""What the tests of aiohttp's session share: servers that people run, rules, and sessions over a mesh of them."""

from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

import meshio
from tests.behaviour.world import Upstream, entry, idle, mesh_of

NO_RETRY = "retries: {attempts: 0}"
both = pytest.mark.parametrize("watched", [False, True], ids=["connector", "middleware"])


def routes(rule: str, host: str = "web") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {host}, namespace: default}}
spec:
  hosts: [{host}]
  http:
  - {rule}
"""


def to_web(*more: str) -> str:
    return routes("\n    ".join(["route: [{destination: {host: web}}]", *more]))


def policy(settings: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: default}}
spec:
  host: web
  trafficPolicy: {{{settings}}}
"""


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    seen = {"method": request.method, "path": request.raw_path, "host": request.host, "headers": dict(request.headers)}
    return web.json_response({**seen, "size": len(body), "body": body[:100].decode("latin-1")})


@asynccontextmanager
async def site(**handlers):
    """An aiohttp server; its port. Handlers by path, `echo` for the rest."""
    app = web.Application(client_max_size=1 << 30)
    for name, handler in handlers.items():
        app.router.add_route("*", f"/{name}", handler)
    app.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def session_of(mesh, *, watched=False, raise_errors=False, native=0, **options):
    """A session over the mesh, which leaves nothing behind but so many of the mesh's own connections."""
    middlewares = [meshio.aiohttp_middleware(mesh)] if watched else []
    connector = meshio.MeshConnector(mesh, raise_errors=raise_errors)
    async with aiohttp.ClientSession(connector=connector, middlewares=middlewares, **options) as session:
        yield session
    assert mesh.pools.counters.open == native
    assert idle(mesh)


@asynccontextmanager
async def meshed(folder, talks, *documents, **session):
    """Upstreams that talk like this, a mesh over them, a session over that."""
    async with AsyncExitStack() as stack:
        ups = [await stack.enter_async_context(Upstream(talk).listening()) for talk in talks]
        mesh = await stack.enter_async_context(mesh_of(folder, entry(*(up.port for up in ups)), *documents))
        yield await stack.enter_async_context(session_of(mesh, **session)), mesh, ups


@asynccontextmanager
async def meshed_site(folder, handlers, *documents, **session):
    async with site(**handlers) as port, mesh_of(folder, entry(port), *documents) as mesh:
        async with session_of(mesh, **session) as user:
            yield user, mesh
