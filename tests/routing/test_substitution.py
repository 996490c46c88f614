"""Substitution commands beyond what Envoy's recorded answers cover."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.message import Body, Request, Response
from meshio.routing.commands import Known
from meshio.routing.substitution import compile_format


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
        ("%REQ(x-user):2%", b"an"),
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


def test_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("MESHIO_TEST_VALUE", "here")
    assert rendered("%ENVIRONMENT(MESHIO_TEST_VALUE)% %ENVIRONMENT(MESHIO_NO_SUCH_VARIABLE)%") == b"here -"
    assert rendered("%HOSTNAME%") == os.uname().nodename.encode()


def test_times_are_those_of_the_request():
    request = Request(b"GET", b"svc", b"/", [])
    response, known = Response(200, [], Body()), Known(clock=lambda: 1000.25)
    form = compile_format("r", "f", "%START_TIME(%s.%3f)% %EMIT_TIME(%s.%3f)% %DURATION% [%RESPONSE_DURATION%]", known)
    assert not isinstance(form, bytes)
    assert form(request, response) == b"1000.250 1000.250 0 []"
    request.began, request.record.details = 999.0, "via_upstream"
    assert form(request, response) == b"999.000 1000.250 1250 [1250]"


def test_an_id_of_its_own_each_time():
    request = Request(b"GET", b"svc", b"/", [])
    unique = compile_format("r", "f", "%UNIQUE_ID%")
    assert not isinstance(unique, bytes)
    assert unique(request, None) != unique(request, None)


def test_names_of_a_cluster_follow_its_updates():
    names = iter(["one", "two"])
    form = compile_format("r", "f", "%UPSTREAM_CLUSTER%", Known(cluster="c", statistic=lambda cluster: next(names)))
    assert not isinstance(form, bytes)
    request = Request(b"GET", b"svc", b"/", [])
    assert [form(request, None), form(request, None)] == [b"one", b"two"]


@given(st.text(st.sampled_from("%REQ(ab):?1PATHW "), max_size=20))
def test_any_text_is_compiled_or_refused(text):
    try:
        form = compile_format("r", "f", text)
    except Rejected as refused:
        assert refused.resource == "r"
    else:
        request = Request(b"GET", b"svc", b"/", [])
        assert isinstance(form if isinstance(form, bytes) else form(request, None), bytes)


def test_the_downstream_address_is_the_instances_own():
    known = Known(address="10.1.2.3", cluster="up", route="r")
    text = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_CLUSTER% %ROUTE_NAME%"
    assert rendered(text, known=known) == b"10.1.2.3 up r"
