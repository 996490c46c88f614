"""One websocket through the gateway. The mesh's own client does not speak them; aiohttp does, over the mesh."""

import asyncio
from contextlib import suppress

import aiohttp
from exchange import Message, Receive, Send
from hop import Hosts, Misdirected, Scope, onward, target
from yarl import URL

from meshio.errors import BadRequest

NORMAL, GOING_AWAY, NO_CODE, BROKEN = 1000, 1001, 1005, 1011
LOST = frozenset({1006, 1015})


class Tunnel:
    """A websocket of a client and the one to the upstream."""

    def __init__(self, session: aiohttp.ClientSession, hosts: Hosts, scope: Scope) -> None:
        self._session = session
        self._hosts = hosts
        self._scope = scope

    async def run(self, receive: Receive, send: Send) -> None:
        """The client is accepted when the upstream has accepted, and refused with the status of its refusal."""
        await receive()  # websocket.connect
        try:
            upstream = await self._connect()
        except aiohttp.WSServerHandshakeError as error:
            await self._refuse(send, error.status if error.status >= 400 else 502)
        except Misdirected:
            await self._refuse(send, 421)
        except (BadRequest, aiohttp.InvalidURL):
            await self._refuse(send, 400)
        except aiohttp.ClientError:
            await self._refuse(send, 502)
        else:
            async with upstream:
                await send({"type": "websocket.accept", "subprotocol": upstream.protocol})
                await relay(receive, send, upstream)

    async def _connect(self) -> "aiohttp.ClientWebSocketResponse":
        origin = self._hosts.origin(self._scope["headers"])
        url = URL(f"ws://{origin.authority.decode()}{target(self._scope).decode('latin-1')}", encoded=True)
        headers = [
            (name.decode(), value.decode("utf-8", "surrogateescape"))
            for name, value in onward(self._scope)
            if not name.startswith(b"sec-websocket-")
        ]
        return await self._session.ws_connect(url, headers=headers, protocols=self._scope.get("subprotocols", ()))

    async def _refuse(self, send: Send, status: int) -> None:
        """Before it is accepted, a websocket is a request: most servers can answer it; the others say 403."""
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            return await send({"type": "websocket.close"})
        headers = [(b"content-length", b"0")]
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b""})


async def relay(receive: Receive, send: Send, upstream: "aiohttp.ClientWebSocketResponse") -> None:
    """Both directions, until one side ends or is lost; the other side is told."""
    ways = asyncio.create_task(upward(receive, upstream)), asyncio.create_task(downward(upstream, send))
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        left, closed = await asyncio.gather(*ways, return_exceptions=True)
    if isinstance(left, int):
        await upstream.close(code=sendable(left, GOING_AWAY))
        return
    with suppress(OSError):  # it is the client that was lost
        await send({"type": "websocket.close", "code": sendable(closed, BROKEN) if isinstance(closed, int) else BROKEN})
    await upstream.close(code=GOING_AWAY)


async def upward(receive: Receive, upstream: "aiohttp.ClientWebSocketResponse") -> int:
    """Returns the code with which the client left. Raises OSError when the upstream is lost."""
    message: Message
    while (message := await receive())["type"] == "websocket.receive":
        if (words := message.get("text")) is not None:
            await upstream.send_str(words)
        else:
            await upstream.send_bytes(message["bytes"])
    return int(message.get("code", NO_CODE))


async def downward(upstream: "aiohttp.ClientWebSocketResponse", send: Send) -> int:
    """Returns the code with which the upstream left. Raises OSError when the client is lost."""
    async for message in upstream:
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
    return upstream.close_code or BROKEN


def sendable(code: int, lost: int) -> int:
    """The code for the other side. 1005, 1006 and 1015 say that none was sent (RFC 6455, 7.4.1)."""
    if code == NO_CODE:
        return NORMAL
    return lost if code in LOST else code
