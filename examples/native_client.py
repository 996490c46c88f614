"""The mesh's own client: no httpx involved.

python examples/hello.py &
MESHIO_CONFIG=examples/mesh python examples/native_client.py
"""

import asyncio

import meshio


async def main() -> None:
    async with meshio.Mesh.from_env() as mesh:
        reply = await mesh.get("http://hello/", params={"name": "ann"}, headers={"x-user": "ann"}, timeout=5)
        print(reply.status, reply.json(), reply.mesh)

        async with mesh.stream("GET", "http://hello.default.svc.cluster.local/") as streamed:
            async for chunk in streamed.stream():
                print(chunk.decode())

        missing = await mesh.get("http://hello/nowhere")
        print(missing.status, missing.mesh.flags or "the service's own answer")


if __name__ == "__main__":
    asyncio.run(main())
