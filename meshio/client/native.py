"""The native client: the shortest way from a call to the wire, with names that an httpx user can guess."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypedDict, Unpack

import orjson

from meshio.client.reply import Reply
from meshio.client.url import HeaderTypes, ParamTypes, encode_headers, method_bytes, split_url, take_host
from meshio.errors import BadRequest
from meshio.message import Content, Request, Response

Answer: TypeAlias = Coroutine[Any, Any, Reply]

USER_AGENT = (b"user-agent", b"meshio")


class Options(TypedDict, total=False):
    """What every request method takes.

    headers   mapping or pairs; a `host` header is the authority that routes see
    params    added to the URL's query
    content   bytes, str or an async iterable of bytes, which is streamed
    json      encoded with orjson; sets content-type
    timeout   seconds for the whole call, on top of the mesh's own timeouts; raises TimeoutError
    """

    headers: HeaderTypes
    params: ParamTypes
    content: Content | str
    json: Any
    timeout: float


@dataclass(slots=True)
class Call:
    """The options of one call, with their defaults. Built per call, so it is not frozen: that costs twice as much."""

    headers: HeaderTypes | None = None
    params: ParamTypes | None = None
    content: Content | str | None = None
    json: Any = field(default=None)
    timeout: float | None = None

    def request(self, method: str, url: str) -> Request:
        """The request as the mesh takes it. Raises BadRequest."""
        origin, path = split_url(url, self.params)
        headers = encode_headers(self.headers)
        names = {name for name, _ in headers}
        authority = None
        if b"host" in names:
            authority, headers = take_host(headers)
        if b"user-agent" not in names:
            headers.append(USER_AGENT)
        if self.json is not None and b"content-type" not in names:
            headers.append((b"content-type", b"application/json"))
        return Request(
            method_bytes(method),
            authority or origin.authority,
            path,
            headers,
            self.body(),
            scheme=origin.scheme,
            host=origin.host,
            port=origin.port,
        )

    def body(self) -> Content:
        if self.json is not None:
            if self.content is not None:
                raise BadRequest("give either content= or json=, not both")
            return orjson.dumps(self.json)
        match self.content:
            case None:
                return b""
            case bytes() | AsyncIterable():
                return self.content
            case str():
                return self.content.encode()
            case bytearray() | memoryview():
                return bytes(self.content)
        kind = type(self.content).__name__
        raise BadRequest(f"content= takes bytes, str or an async iterable of bytes, not {kind}; json= takes the rest")


class Client:
    """Request methods over `send`. `request` and its short forms read the body; `stream` leaves it to you."""

    def send(self, request: Request) -> Coroutine[Any, Any, Response]:
        """One request through the mesh, in the mesh's own terms. Failures inside it are responses."""
        raise NotImplementedError

    async def request(self, method: str, url: str, **options: Unpack[Options]) -> Reply:
        """Send a request and read the whole answer.

        Raises BadRequest (URL, options), Closed (the mesh is not running), TimeoutError (`timeout=`), and
        RequestError when the upstream cuts the body short. What Envoy would answer itself is a Reply.
        """
        limit = options.pop("timeout", None)
        if limit is not None:
            async with asyncio.timeout(limit):
                return await self.request(method, url, **options)
        reply = Reply(await self.send(Call(**options).request(method, url)))
        if not reply.complete:
            await reply.read()
        return reply

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Unpack[Options]) -> AsyncIterator[Reply]:
        """Send a request and hand out the answer as soon as its head is there.

        Leaving the block gives up what was not read. `timeout` covers the whole block.
        """
        call = Call(**options)
        async with asyncio.timeout(call.timeout):
            reply = Reply(await self.send(call.request(method, url)))
            try:
                yield reply
            finally:
                await reply.aclose()

    def get(self, url: str, **options: Unpack[Options]) -> Answer:
        """GET; see `request`."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Unpack[Options]) -> Answer:
        """HEAD; see `request`."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[Options]) -> Answer:
        """OPTIONS; see `request`."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, **options: Unpack[Options]) -> Answer:
        """POST; see `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[Options]) -> Answer:
        """PUT; see `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[Options]) -> Answer:
        """PATCH; see `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[Options]) -> Answer:
        """DELETE; see `request`."""
        return self.request("DELETE", url, **options)
