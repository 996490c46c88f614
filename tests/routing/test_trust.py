"""Who may say how a request is to be sent (parity topic envoy_headers holds it to Envoy)."""

import pytest

from meshio.message import Headers, Request
from meshio.routing.hop import Hop, compile_greeting
from meshio.routing.trust import Trust

OWN, INSIDE = "10.0.0.7", ("10.0.0.0/8", "fd00::/8")
FORWARDED, ASKS = b"x-forwarded-for", (b"x-envoy-retry-on", b"5xx")


def met(trust: Trust, *headers: tuple[bytes, bytes]) -> tuple[bool, dict[bytes, bytes]]:
    """Whether the request has a say, and what its headers are then."""
    request = Request(b"GET", b"a", b"/", list(headers))
    special = compile_greeting(Hop(makes_ids=False, trust=trust), OWN)(request)
    return special, dict(request.headers)


@pytest.mark.parametrize(
    ("told", "internal"),
    [
        (b"10.1.2.3", True), (b" 10.1.2.3 ", True), (b"fd00::1", True), (b"8.8.8.8", False), (b"zork", False),
        (b"10.1.2.3,10.1.2.4", False), (b"", False), (None, False),
    ],
)  # fmt: skip
def test_the_only_forwarded_address_decides(told: bytes | None, internal: bool) -> None:
    headers = [] if told is None else [(FORWARDED, told)]
    special, after = met(Trust(False, INSIDE), *headers, ASKS, (b"x-envoy-internal", b"true"))
    assert special is internal
    assert (ASKS[0] in after) is internal
    assert after.get(b"x-envoy-internal") == (b"true" if internal else None)
    assert after.get(FORWARDED) == told


def test_or_the_instance_s_own_address_where_nobody_forwarded() -> None:
    special, after = met(Trust(True, INSIDE), ASKS)
    assert special
    assert after[FORWARDED] == OWN.encode()
    special, after = met(Trust(True, INSIDE), ASKS, (FORWARDED, b"10.1.2.3"), (b"x-envoy-decorator-operation", b"a"))
    assert not special
    assert after[FORWARDED] == b"10.1.2.3,10.0.0.7"
    assert after[b"x-envoy-external-address"] == OWN.encode()
    assert b"x-envoy-decorator-operation" not in after
    _, after = met(Trust(True, INSIDE, appends=False), ASKS)
    assert FORWARDED not in after


def test_a_request_that_asks_for_nothing_is_as_any_other() -> None:
    assert not met(Trust(False, INSIDE), (FORWARDED, b"10.1.2.3"))[0]


@pytest.mark.parametrize(
    ("headers", "special"),
    [
        ([(b"content-type", b"application/grpc")], True),
        ([(b"content-type", b"application/grpc+proto"), (b"x-request-id", b"a")], True),
        ([(b"content-type", b"application/grpc-web")], False),
        ([(b"content-type", b"application/json"), (b"grpc-timeout", b"1S")], True),
        ([(b"x-forwarded-proto", b"http"), (b"grpc-timeout", b"1S")], True),
        ([ASKS], False),
        ([], False),
    ],
)
def test_what_makes_a_request_special(headers: Headers, special: bool) -> None:
    assert compile_greeting(Hop(), OWN)(Request(b"GET", b"a", b"/", headers)) is special
