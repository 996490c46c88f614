"""The ways of aiohttp: as it comes, or over meshio. Its limits are lifted, so that 256 may go at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from end_to_end.cases import Case
from end_to_end.load import Call
from end_to_end.ways import NAMED, Make, Target, headers, in_mesh, upload


@asynccontextmanager
async def direct(target: Target) -> AsyncIterator[Make]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield over_aiohttp(session, target.origin)


@asynccontextmanager
async def meshed(target: Target) -> AsyncIterator[Make]:
    import meshio

    async with (
        in_mesh(target) as mesh,
        aiohttp.ClientSession(connector=meshio.MeshConnector(mesh)) as session,
    ):
        yield over_aiohttp(session, NAMED)


def over_aiohttp(session: aiohttp.ClientSession, origin: str) -> Make:
    async def make(case: Case) -> list[Call]:
        url, sent, body = origin + case.path, headers(case, origin), b"x" * case.upload

        async def whole() -> None:
            async with session.request(case.method, url, headers=sent, data=body or None) as response:
                content = await response.read()
            assert response.status == 200 and len(content) == case.answer, response

        async def streamed() -> None:
            data = upload(case) if case.upload else None
            size = 0
            async with session.request(case.method, url, headers=sent, data=data) as response:
                async for chunk in response.content.iter_any():
                    size += len(chunk)
            assert response.status == 200 and size == case.answer, response

        return [streamed if case.streamed else whole] * case.concurrency

    return make
