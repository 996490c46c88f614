"""httpx over the mesh: the transport is the only thing that changes.

python examples/hello.py &
MESHIO_CONFIG=examples/mesh python examples/httpx_client.py
"""

import asyncio

import httpx

import meshio


async def main() -> None:
    async with meshio.Mesh.from_env() as mesh:
        async with httpx.AsyncClient(transport=meshio.MeshTransport(mesh)) as client:
            for user in ("bob", "ann"):
                response = await client.get("http://hello/", params={"name": user}, headers={"x-user": user})
                record = response.extensions["mesh"]
                print(user, response.status_code, response.json(), record.route, record.endpoint)


if __name__ == "__main__":
    asyncio.run(main())
