"""Whole requests only, and none too large (Envoy: `envoy.filters.http.buffer`, buffer_filter.cc)."""

from dataclasses import dataclass

from meshio.errors import TooLarge
from meshio.message import Private, Request, Response, Send


@dataclass(frozen=True, slots=True)
class Buffer:
    """limit   bytes of a request body; None does not buffer at all"""

    limit: int | None = None

    def around(self, send: Send) -> Send:
        """The body is there as a whole before anything else happens. Raises TooLarge."""
        limit = self.limit
        if limit is None:
            return send

        async def buffered(request: Request) -> Response:
            if isinstance(request.body, Private):
                check(announced(request), limit)
            else:
                request.body = await whole(request, limit)
            return await send(request)

        return buffered


def check(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"the body is longer than {limit} bytes")


async def whole(request: Request, limit: int) -> bytes:
    if isinstance(request.body, bytes):
        check(len(request.body), limit)
        return request.body
    chunks, size = [], 0
    async for chunk in request.body:
        chunks.append(chunk)
        size += len(chunk)
        check(size, limit)
    return b"".join(chunks)


def announced(request: Request) -> int:
    """What content-length says of a body that cannot be looked at; 0 when it says nothing."""
    length = request.header(b"content-length") or b"0"
    return int(length) if length.isdigit() else 0
