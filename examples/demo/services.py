"""The bookinfo services, small: productpage (FastAPI) asks reviews (aiohttp), which asks ratings (aiohttp).

    python services.py productpage|reviews|ratings PORT [VERSION]

Each finds the others by service name through its own mesh; none knows an address.
"""

import asyncio
import signal
import sys

import httpx
import uvicorn
import uvloop
from aiohttp import web
from fastapi import FastAPI

import meshio


async def productpage(port: int, mesh: meshio.Mesh, stop: asyncio.Event) -> None:
    """FastAPI and httpx: the application code knows only the transport."""
    app = FastAPI()
    async with httpx.AsyncClient(transport=meshio.MeshTransport(mesh)) as client:

        @app.get("/productpage")
        async def page(user: str = "") -> dict[str, object]:
            answer = await client.get("http://reviews:9080/reviews/1", headers={"x-user": user} if user else {})
            return {"title": "The Comedy of Errors", "reviews": answer.json(), "status": answer.status_code}

        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
        serving = asyncio.create_task(server.serve())
        await stop.wait()
        server.should_exit = True
        await serving


async def reviews(port: int, mesh: meshio.Mesh, stop: asyncio.Event, version: str) -> None:
    """aiohttp and the native client; v1 shows no stars, as in the original."""

    async def review(request: web.Request) -> web.Response:
        stars = None if version == "v1" else (await mesh.get("http://ratings:9080/ratings/1")).json()
        return web.json_response({"version": version, "port": port, "ratings": stars})

    await serve([web.get("/reviews/{product}", review)], port, stop)


async def ratings(port: int, stop: asyncio.Event) -> None:
    async def rate(request: web.Request) -> web.Response:
        return web.json_response({"reviewer1": 5, "reviewer2": 4})

    await serve([web.get("/ratings/{product}", rate)], port, stop)


async def serve(routes: list[web.RouteDef], port: int, stop: asyncio.Event) -> None:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await stop.wait()
    await runner.cleanup()


async def main(name: str, port: int, version: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if name == "ratings":
        await ratings(port, stop)
        return
    async with meshio.Mesh.from_env() as mesh:
        if name == "productpage":
            await productpage(port, mesh, stop)
        else:
            await reviews(port, mesh, stop, version)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "v1"))
