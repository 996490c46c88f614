"""A FastAPI service that calls others through the mesh. One mesh for the process, opened and closed by its lifespan.

python examples/hello.py &
MESHIO_CONFIG=examples/mesh uvicorn --app-dir examples fastapi_app:app
curl -H 'x-user: ann' localhost:8000/greet/ann
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
from fastapi import FastAPI, Header, Request

import meshio


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """uvicorn accepts requests when the mesh has its configuration, and closes it after the last one."""
    async with meshio.Mesh.from_env() as mesh:
        async with httpx.AsyncClient(transport=meshio.MeshTransport(mesh)) as client:
            yield {"client": client}


app = FastAPI(lifespan=lifespan)


@app.get("/greet/{name}")
async def greet(name: str, request: Request, x_user: Annotated[str, Header()] = "") -> dict[str, object]:
    """Passes on the header by which the mesh routes."""
    client: httpx.AsyncClient = request.state.client
    answer = await client.get("http://hello/", params={"name": name}, headers={"x-user": x_user})
    answer.raise_for_status()
    return {"greeting": answer.json(), "endpoint": answer.extensions["mesh"].endpoint}
