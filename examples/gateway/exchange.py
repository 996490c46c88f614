"""One request through the gateway: body up, response down, and an eye on the client.

Nothing is collected on the way. `receive` is called when the upstream takes more, and `send` returns when the client
does, so that the slower side sets the pace.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Self, TypeAlias

from hop import Hosts, Misdirected, Scope, back, onward, target, values

import meshio
from meshio.errors import BadRequest, Closed
from meshio.message import Headers, Request, Response

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class ClientLeft(Exception):
    """The client closed its connection before it had its answer."""


class Upload:
    """The request's body, as the upstream asks for it; `left` once the client has closed its connection.

    A body that nobody asked for yet is not touched: the first `receive` makes the server say 100 Continue.
    """

    def __init__(self, receive: Receive, *, empty: bool) -> None:
        self._receive = receive
        self._ended = empty
        self.left = False
        self._idle = asyncio.Event()  # the upstream wants no more of it
        if empty:
            self._idle.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Raises ClientLeft."""
        if self._ended:
            raise StopAsyncIteration
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            self._idle.set()
            raise
        if message["type"] == "http.disconnect":
            self.left = True
            raise ClientLeft
        self._ended = not message.get("more_body", False)
        if self._ended:
            self._idle.set()
        return bytes(message.get("body", b""))

    async def client_left(self) -> None:
        """Returns when the client has left. What it still sends and nobody wants is dropped."""
        await self._idle.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True


class Exchange:
    """A request of a client and its answer."""

    def __init__(self, mesh: meshio.Mesh, hosts: Hosts, scope: Scope) -> None:
        self._mesh = mesh
        self._hosts = hosts
        self._scope = scope

    async def run(self, receive: Receive, send: Send) -> None:
        """Whoever ends first ends the other: an answer the watch, a client that leaves the request upstream.

        Raises RequestError when the upstream breaks off in the middle of the body; the server then breaks off, too.
        """
        upload = Upload(receive, empty=not framed(self._scope["headers"]))
        relay = asyncio.create_task(self._relay(upload, send))
        watch = asyncio.create_task(upload.client_left())
        try:
            await asyncio.wait({relay, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            relay.cancel()
            watch.cancel()
            await asyncio.gather(relay, watch, return_exceptions=True)
        if not relay.cancelled() and not upload.left:
            relay.result()

    async def _relay(self, upload: Upload, send: Send) -> None:
        try:
            response = await self._mesh.send(self._request(upload))
        except Misdirected as error:
            return await refuse(send, 421, str(error))
        except BadRequest as error:
            return await refuse(send, 400, str(error))
        except Closed as error:
            return await refuse(send, 503, str(error))
        except ClientLeft:
            return None
        try:
            await pass_on(response, send)
        finally:
            await response.body.aclose()

    def _request(self, upload: Upload) -> Request:
        headers: Headers = self._scope["headers"]
        origin = self._hosts.origin(headers)
        return Request(
            self._scope["method"].encode(),
            origin.authority,
            target(self._scope),
            onward(self._scope),
            upload if framed(headers) else b"",
            host=origin.host,
            port=origin.port,
        )


def framed(headers: Headers) -> bool:
    """Whether the request has a body. RFC 9112, 6.3: only these two announce one."""
    return bool(values(headers, b"transfer-encoding")) or any(
        length.strip(b"0") for length in values(headers, b"content-length")
    )


async def pass_on(response: Response, send: Send) -> None:
    """Head, then the body as it comes. Raises RequestError."""
    headers = back(response.status, response.headers)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    async for chunk in response.body:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def refuse(send: Send, status: int, words: str) -> None:
    """An answer of the gateway's own."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(words.encode()))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode(), "more_body": False})
