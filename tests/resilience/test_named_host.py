"""The filter that waits for the address of the host that a request names."""

import asyncio

import pytest

from meshio.errors import NoHost, UnknownName
from meshio.message import Body, Request, Response, Send
from meshio.naming.cache import NameCache
from meshio.resilience.named_host import NamedHost
from meshio.resilience.site import Site

CACHE = NameCache("c")


async def upstream(request: Request) -> Response:
    return Response(200, [(b"x-host", request.authority)], Body())


async def find(cache: NameCache, request: Request) -> None:
    assert cache is CACHE
    if request.authority == b"no.test":
        raise UnknownName("no.test", "nobody")


def filtered(*levels: NamedHost) -> Send:
    layer = NamedHost(CACHE).settled(levels, Site(find=find))
    assert isinstance(layer, NamedHost)
    return layer.around(upstream)


def host_after(send: Send, authority: bytes = b"a.test", *headers: tuple[bytes, bytes]) -> bytes:
    response = asyncio.run(send(Request(b"GET", authority, b"/", list(headers))))
    return response.header(b"x-host") or b""


def test_other_routes_do_not_pay_for_it() -> None:
    layer = NamedHost(CACHE).settled([], Site())
    assert layer.around(upstream) is upstream


def test_the_request_waits_for_its_host() -> None:
    assert host_after(filtered()) == b"a.test"
    with pytest.raises(UnknownName):
        host_after(filtered(), b"no.test")


def test_a_route_names_the_host() -> None:
    assert host_after(filtered(NamedHost(host="b.test"), NamedHost(host="c.test")), b"no.test") == b"b.test"


@pytest.mark.parametrize(("headers", "host"), [([(b"x-to", b"b.test")], b"b.test"), ([], b"a.test")])
def test_a_header_names_the_host(headers: list[tuple[bytes, bytes]], host: bytes) -> None:
    assert host_after(filtered(NamedHost(header="x-to")), b"a.test", *headers) == host


def test_a_header_that_names_nobody() -> None:
    with pytest.raises(NoHost) as nobody:
        host_after(filtered(NamedHost(header="x-to")), b"a.test", (b"x-to", b""))
    assert (nobody.value.status, nobody.value.body) == (400, b"Empty host header")
