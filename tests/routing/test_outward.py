"""What a request passes when its host is chosen. What Envoy does is in the parity cases (upstream_filters)."""

import asyncio

from meshio.message import Body, Request, Response
from meshio.resilience.buffering import Buffer
from meshio.routing.alteration import Alteration, Alterations
from meshio.routing.mutation import HeaderValue
from meshio.routing.outward import outward


def altering(name: str, value: str) -> Alteration:
    change = HeaderValue(name, value)
    return Alteration((Alterations((change,), (), (change,)),))


def test_the_first_filter_is_first_on_the_way_out_and_last_on_the_way_back() -> None:
    seen: list[list[tuple[bytes, bytes]]] = []

    async def connection(request: Request) -> Response:
        seen.append(request.headers)
        return Response(200, [], Body(), request.record)

    async def twice() -> Response:
        send = outward(connection, (altering("x", "one"), Buffer(), altering("x", "two %UPSTREAM_HOST%")))
        request = Request(b"GET", b"svc", b"/", [])
        request.record.endpoint = "10.0.0.1:80"
        await send(request)
        return await send(request)

    response = asyncio.run(twice())
    once = [(b"x", b"one"), (b"x", b"two 10.0.0.1:80")]
    assert seen == [once, once * 2]
    assert response.headers == once[::-1]


def test_without_filters_there_is_nothing_in_front_of_the_connection() -> None:
    async def connection(request: Request) -> Response:
        raise AssertionError

    assert outward(connection, ()) is connection
