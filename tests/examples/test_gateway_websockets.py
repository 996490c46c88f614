"""The gateway example: websockets, which go through by way of aiohttp."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, WSCloseCode, WSMsgType, WSServerHandshakeError, web

from tests.behaviour.world import idle, until


@asynccontextmanager
async def socket_site(told: list[object]):
    """An upstream that shouts back, closes with 4001 on `bye`, and keeps the handshake's headers and close codes."""

    async def shout(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["chat"])
        await socket.prepare(request)
        told.append({name.lower(): value for name, value in request.headers.items()})
        async for message in socket:
            if message.data == "bye":
                await socket.close(code=4001)
            elif message.data == "break":
                request.transport.abort()
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(message.data.upper())
            else:
                await socket.send_bytes(message.data[::-1])
        told.append(socket.close_code)
        return socket

    app = web.Application()
    app.router.add_get("/shout", shout)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def test_a_websocket_goes_through(run, gateway):
    told: list[object] = []

    async def scenario():
        async with socket_site(told) as port, gateway(port, hosts="127.0.0.1=web") as site, ClientSession() as session:
            url = f"ws://127.0.0.1:{site.port}/shout"
            async with session.ws_connect(url, protocols=["chat"], headers={"x-end": "1"}) as socket:
                assert socket.protocol == "chat"
                await socket.send_str("loud")
                assert await socket.receive_str() == "LOUD"
                await socket.send_bytes(b"abc")
                assert await socket.receive_bytes() == b"cba"
                await socket.close(code=WSCloseCode.GOING_AWAY)
            await until(lambda: len(told) == 2)
            headers, code = told
            assert code == WSCloseCode.GOING_AWAY
            assert {"host": "web", "x-end": "1", "x-forwarded-for": "127.0.0.1"}.items() <= headers.items()
            async with session.ws_connect(url) as socket:
                await socket.send_str("bye")
                assert (await socket.receive()).data == 4001
            await until(lambda: len(told) == 4)

    run(scenario())


def test_a_websocket_that_is_refused_has_the_status_of_the_refusal(run, gateway):
    async def refused(session: ClientSession, url: str, **options: object) -> int:
        with pytest.raises(WSServerHandshakeError) as caught:
            await session.ws_connect(url, **options)
        return caught.value.status

    async def scenario():
        hosts = "127.0.0.1=web,none.example=none:81"
        async with socket_site([]) as port, gateway(port, hosts=hosts) as site, ClientSession() as session:
            url = f"ws://127.0.0.1:{site.port}"
            assert await refused(session, f"{url}/silence") == 404
            assert await refused(session, f"{url}/shout", headers={"host": "other.example"}) == 421

    run(scenario())


def test_a_side_that_is_lost_ends_the_other(run, gateway):
    told: list[object] = []

    async def scenario():
        async with socket_site(told) as port, gateway(port, hosts="127.0.0.1=web") as site, ClientSession() as session:
            url = f"ws://127.0.0.1:{site.port}/shout"
            async with session.ws_connect(url) as socket:
                await socket.send_str("break")
                assert (await socket.receive()).data == WSCloseCode.INTERNAL_ERROR
            await until(lambda: idle(site.app.mesh) and len(told) == 2)
            async with session.ws_connect(url) as socket:
                await socket.send_str("loud")
                assert await socket.receive_str() == "LOUD"
                socket._response.connection.transport.abort()
            await until(lambda: idle(site.app.mesh) and len(told) == 4)
            assert told[3] == WSCloseCode.OK  # uvicorn does not tell a lost client from one that gave no code

    run(scenario())
