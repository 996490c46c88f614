"""What the other examples call: two versions of a service, on 127.0.0.1:18071 and :18072 (or the ports given).

python examples/hello.py [PORT PORT]
"""

import asyncio
import sys

from aiohttp import web


async def serve(version: str, port: int) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.json_response({"hello": request.query.get("name", "world"), "version": version})

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()


async def main(first: int = 18071, second: int = 18072) -> None:
    await serve("v1", first)
    await serve("v2", second)
    print(f"hello v1 on port {first}, v2 on port {second}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
