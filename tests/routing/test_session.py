"""Sessions that stay with a host. What Envoy makes of each setting is in the parity cases (lb_sessions.yaml)."""

import asyncio
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import ConnectFailed
from meshio.message import Body, Request, Response
from meshio.routing.session import SessionCookie, SessionHeader, StatefulSession

HOST = "10.0.0.1:8080"


def asked(path: bytes = b"/", *headers: tuple[bytes, bytes]) -> Request:
    return Request(b"GET", b"a", path, list(headers))


def carried(told: Response) -> Request:
    """The request that a client makes next."""
    (value,) = [value for name, value in told.headers if name == b"set-cookie"]
    return asked(b"/", (b"cookie", value.partition(b";")[0]))


def served(session: StatefulSession, request: Request, host: str = HOST) -> Response:
    async def send(request: Request) -> Response:
        request.record.endpoint = host
        return Response(200, [], Body(), request.record)

    return asyncio.run(session.around(send)(request))  # type: ignore[arg-type]


def test_a_client_comes_back_to_its_host():
    session = StatefulSession(SessionCookie("s", lifetime=10), clock=lambda: 1000.0)
    again = carried(served(session, asked()))
    assert served(session, again).headers == []
    assert again.session == (HOST, False)


def test_a_session_ends_with_its_lifetime():
    now = [1000.0]
    session = StatefulSession(SessionCookie("s", lifetime=10), clock=lambda: now[0])
    again = carried(served(session, asked()))
    now[0] = 1011.0
    assert carried(served(session, again, "10.0.0.2:80"))
    assert not hasattr(again, "session")


def test_a_failure_tells_the_host_that_was_tried():
    session = StatefulSession(SessionHeader("x-s"), strict=True)

    async def fail(request: Request) -> Response:
        request.record.endpoint = HOST
        raise ConnectFailed("refused")

    with pytest.raises(ConnectFailed) as failed:
        asyncio.run(session.around(fail)(asked()))  # type: ignore[arg-type]
    local = Response(503, [], Body())
    failed.value.after[0](failed_request(), local)
    assert local.headers == [(b"x-s", b64encode(HOST.encode()))]


def failed_request() -> Request:
    request = asked()
    request.record.endpoint = HOST
    return request


def test_without_a_state_the_layer_is_not_there():
    async def send(request: Request) -> Response:
        raise AssertionError

    assert StatefulSession().around(send) is send


@given(st.binary(max_size=60))
def test_any_cookie_can_be_asked_for_its_host(raw: bytes):
    request = asked(b"/", (b"cookie", b"s=" + b64encode(raw)), (b"x-s", b64encode(raw)))
    assert isinstance(SessionCookie("s").host(request, 5.0), str)
    assert SessionHeader("x-s").host(request, 5.0) == raw.decode("latin-1")
