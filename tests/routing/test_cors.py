"""Cross-origin requests, as Envoy 1.40 answered them: its headers, without server and what the upstream said."""

import asyncio

import pytest

from meshio.errors import ConnectFailed
from meshio.matching import Exact, Prefix
from meshio.message import Body, Headers, Request, Response
from meshio.resilience.fault import Fraction
from meshio.routing.cors import Cors
from meshio.routing.local_reply import local_reply

FULL = Cors((Exact(b"http://ok"), Prefix(b"http://pre")), "GET,PUT", "x-a", "x-b", "60", credentials=True)
STRICT = Cors(FULL.origins, "GET,PUT", "x-a", "x-b", "60", credentials=True, forward_unmatched=False)
BARE = Cors((Exact(b"http://ok"),))
ANYBODY = Cors((Exact(b"*"),), "*", "*", max_age="*")
OFF = Cors(FULL.origins, "GET,PUT", share=Fraction(0))

ASKS = (b"access-control-request-method", b"PUT")
OWN = [("allow-origin", "mine"), ("expose-headers", "own")]
SEEN = [("allow-origin", "http://ok"), ("allow-credentials", "true"), ("expose-headers", "x-b")]
MAY = [("allow-methods", "GET,PUT"), ("allow-headers", "x-a"), ("max-age", "60")]


async def upstream(request: Request) -> Response:
    said = [(b"access-control-allow-origin", b"mine"), (b"access-control-expose-headers", b"own"), (b"x-from", b"up")]
    return Response(200, said, Body(b"ok"), request.record)


async def refused(request: Request) -> Response:
    raise ConnectFailed("refused")


def ask(method: bytes, *headers: tuple[bytes, bytes]) -> Request:
    return Request(method, b"svc", b"/", list(headers))


def about(headers: Headers) -> list[tuple[str, str]]:
    prefix = b"access-control-"
    return [(name[len(prefix) :].decode(), value.decode()) for name, value in headers if name.startswith(prefix)]


OK, BAD = (b"origin", b"http://ok"), (b"origin", b"http://bad")
CASES = {
    "an origin that may": (FULL, ask(b"GET", OK), SEEN, True),
    "an origin that may not": (FULL, ask(b"GET", BAD), OWN, True),
    "no origin": (FULL, ask(b"GET"), OWN, True),
    "an empty origin": (FULL, ask(b"GET", (b"origin", b"")), OWN, True),
    "by prefix": (
        FULL,
        ask(b"GET", (b"origin", b"http://prefix")),
        [("allow-origin", "http://prefix"), *SEEN[1:]],
        True,
    ),
    "a preflight": (FULL, ask(b"OPTIONS", OK, ASKS), [*SEEN[:2], *MAY, SEEN[2]], False),
    "OPTIONS that is none": (FULL, ask(b"OPTIONS", OK), SEEN, True),
    "a preflight of somebody else": (FULL, ask(b"OPTIONS", BAD, ASKS), OWN, True),
    "the same, not forwarded": (STRICT, ask(b"OPTIONS", BAD, ASKS), [SEEN[1], *MAY], False),
    "somebody else, strictly": (STRICT, ask(b"GET", BAD), OWN, True),
    "nothing but an origin": (BARE, ask(b"GET", OK), [OWN[1], SEEN[0]], True),
    "a preflight of that": (BARE, ask(b"OPTIONS", OK, ASKS), SEEN[:1], False),
    "anybody": (ANYBODY, ask(b"GET", BAD), [OWN[1], ("allow-origin", "http://bad")], True),
    "anybody, for anything": (
        ANYBODY,
        ask(b"OPTIONS", BAD, ASKS, (b"access-control-request-headers", b"x-q, x-r")),
        [("allow-origin", "http://bad"), ("allow-methods", "PUT"), ("allow-headers", "x-q, x-r"), ("max-age", "*")],
        False,
    ),
    "anybody, for no header": (
        ANYBODY,
        ask(b"OPTIONS", OK, ASKS),
        [SEEN[0], ("allow-methods", "PUT"), ("allow-headers", ""), ("max-age", "*")],
        False,
    ),
    "a star among others": (
        Cors((Prefix(b"*"),), "GET,*", "x-a,*"),
        ask(b"OPTIONS", OK, ASKS),
        [SEEN[0], ("allow-methods", "GET,*"), ("allow-headers", "x-a,*")],
        False,
    ),
    "switched off": (OFF, ask(b"GET", OK), OWN, True),
}


@pytest.mark.parametrize("case", CASES)
def test_who_is_told_what(case: str) -> None:
    policy, request, expected, forwarded = CASES[case]
    response = asyncio.run(policy.around(upstream)(request))
    assert about(response.headers) == expected
    assert response.status == 200
    assert (response.header(b"x-from") == b"up") is forwarded
    assert request.record.details == ("" if forwarded else "cors_response")


def test_a_failure_may_be_seen_by_the_origin_too() -> None:
    request = ask(b"GET", OK)
    with pytest.raises(ConnectFailed) as failed:
        asyncio.run(FULL.around(refused)(request))
    assert about(local_reply(failed.value, request).headers) == SEEN
