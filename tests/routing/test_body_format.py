"""Bodies written when they are needed, beyond what the parity bench asks Envoy."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.message import Body, Request, Response
from meshio.routing.body_format import DEEPEST, BodyFormat
from meshio.routing.commands import Known


def written(form: BodyFormat, body: bytes = b"") -> bytes:
    request = Request(b"GET", b"svc", b"/", [(b"x-user", b"ann")])
    return form.compiled(Known())(request, Response(0, [], Body(body), request.record))


def test_text_and_json_say_what_they_are():
    assert (BodyFormat("x").kind, BodyFormat().kind) == (b"text/plain", b"application/json")
    assert BodyFormat("x", content_type="text/html").kind == b"text/html"


def test_nothing_to_say_is_a_dash_in_text_and_null_in_json():
    assert written(BodyFormat("%REQ(x-no)%|%REQ(x-user)%|%LOCAL_REPLY_BODY%")) == b"-|ann|"
    assert written(BodyFormat(None, '{"a": "%REQ(x-no)%", "b": "%LOCAL_REPLY_BODY%"}')) == b'{"a":null,"b":""}\n'


def test_an_upstreams_body_is_nobodys_business():
    request = Request(b"GET", b"svc", b"/", [])
    request.record.details = "via_upstream"
    form = BodyFormat("[%LOCAL_REPLY_BODY%]").compiled(Known())
    assert form(request, Response(200, [], Body(b"theirs"), request.record)) == b"[]"


@pytest.mark.parametrize("form", ["%MOON%", "100%", "%REQ(%"])
def test_what_cannot_be_written_is_refused_at_once(form):
    with pytest.raises(Rejected):
        BodyFormat(form)
    with pytest.raises(Rejected):
        BodyFormat(None, json.dumps({"a": [{"b": form}]}))


def test_deep_json_is_refused():
    value: object = "x"
    for _ in range(DEEPEST):
        value = [value]
    with pytest.raises(Rejected, match="deep"):
        BodyFormat(None, json.dumps({"a": value}))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(st.characters(exclude_characters="%"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=3), PLAIN, max_size=3))
def test_json_without_commands_stays_what_it_is(value):
    told = written(BodyFormat(None, json.dumps(value)))
    assert json.loads(told) == value
    assert told.endswith(b"\n") and told.count(b"\n") == 1
