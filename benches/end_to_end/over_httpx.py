"""The ways of httpx: as it comes, or over meshio. Its limits are lifted, so that 256 may go at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from end_to_end.cases import Case
from end_to_end.load import Call
from end_to_end.ways import NAMED, Make, Target, headers, in_mesh, upload

PATIENCE = 60.0  # seconds; httpx's own 5 are not enough on a busy machine, with 256 at a time through two sidecars


@asynccontextmanager
async def direct(target: Target) -> AsyncIterator[Make]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=PATIENCE) as client:
        yield over_httpx(client, target.origin)


@asynccontextmanager
async def meshed(target: Target) -> AsyncIterator[Make]:
    import meshio

    async with (
        in_mesh(target) as mesh,
        httpx.AsyncClient(transport=meshio.MeshTransport(mesh), timeout=PATIENCE) as client,
    ):
        yield over_httpx(client, NAMED)


def over_httpx(client: httpx.AsyncClient, origin: str) -> Make:
    async def make(case: Case) -> list[Call]:
        url, sent, body = origin + case.path, headers(case, origin), b"x" * case.upload

        async def whole() -> None:
            if case.upload:
                response = await client.post(url, headers=sent, content=body)
            else:
                response = await client.get(url, headers=sent)
            assert response.status_code == 200 and len(response.content) == case.answer, response

        async def streamed() -> None:
            content = upload(case) if case.upload else None
            size = 0
            async with client.stream(case.method, url, headers=sent, content=content) as response:
                async for chunk in response.aiter_raw():
                    size += len(chunk)
            assert response.status_code == 200 and size == case.answer, response

        return [streamed if case.streamed else whole] * case.concurrency

    return make
