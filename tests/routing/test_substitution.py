"""Substitution commands beyond what Envoy's recorded answers cover."""

import pytest

from meshio.message import Body, Request, Response
from meshio.routing.substitution import Known, compile_format


def rendered(text, response=None, known=None):
    request = Request(b"GET", b"svc:80", b"/p?q", [(b"x-user", b"ann"), (b"x-user", b"bob")])
    request.record.endpoint = "10.0.0.7:9080"
    compiled = compile_format("r", "f", text, known or Known())
    return compiled if isinstance(compiled, bytes) else compiled(request, response)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", b""),
        ("plain", b"plain"),
        ("100%%", b"100%"),
        ("%PROTOCOL:4%", b"HTTP"),
        ("%REQ(X-User)%/%REQ(:method)%", b"ann/GET"),
        ("%REQ(x-none?x-user):1%", b"a"),
        ("%REQ(host)%", b"svc:80"),
        ("%UPSTREAM_HOST%", b""),
        ("%RESP(x-any)%", b""),
    ],
)
def test_a_request_header_value(text, result):
    assert rendered(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("%RESPONSE_CODE% %RESP(:status)%", b"418 418"),
        ("%UPSTREAM_HOST%", b"10.0.0.7:9080"),
        ("%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%", b"10.0.0.7 9080"),
        ("%RESP(x-pot?server)%", b"tea"),
    ],
)
def test_a_response_header_value(text, result):
    assert rendered(text, Response(418, [(b"server", b"tea")], Body())) == result


def test_the_downstream_address_is_the_instances_own():
    known = Known(address="10.1.2.3", cluster="up", route="r")
    text = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_CLUSTER% %ROUTE_NAME%"
    assert rendered(text, known=known) == b"10.1.2.3 up r"
