"""What the application says beside a request, in header values. The answers are those of Envoy's set_metadata and
set_filter_state filters."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.message import Notes, Request
from meshio.routing.commands import Known
from meshio.routing.metadata import written
from meshio.routing.substitution import compile_format

SAID = {
    "n": {
        **{"s": "text", "q": 'a"b', "num": 1, "f": 1.5, "big": 123456789012.0, "null": None, "flag": True, "empty": ""},
        **{"list": [1, "a", {"b": 2}], "obj": {"z": 1, "a": {"k": "v"}}, "uni": "é/"},
    }
}


def rendered(text: str, notes: Notes | None = None) -> bytes:
    request = Request(b"GET", b"svc", b"/", [])
    request.notes = notes
    compiled = compile_format("r", "f", text, Known())
    return compiled if isinstance(compiled, bytes) else compiled(request, None)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("n:s", "text"),
        ("n:q", 'a"b'),
        ("n:num", "1"),
        ("n:f", "1.5"),
        ("n:big", "123456789012"),
        ("n:null", ""),
        ("n:flag", "true"),
        ("n:list", '[1,"a",{"b":2}]'),
        ("n:obj", '{"a":{"k":"v"},"z":1}'),
        ("n:obj:a", '{"k":"v"}'),
        ("n:obj:a:k", "v"),
        ("n:obj:a:no", ""),
        ("n:s:no", ""),
        ("n:uni", "é/"),
        ("n:list:0", ""),
        ("no", ""),
    ],
)
def test_metadata_is_told_as_envoy_tells_it(path: str, told: str):
    notes = Notes(metadata=SAID)
    assert rendered(f"%DYNAMIC_METADATA({path})%", notes) == rendered(f"%METADATA(DYNAMIC:{path})%", notes)
    assert rendered(f"%DYNAMIC_METADATA({path})%", notes).decode() == told
    assert rendered(f"%DYNAMIC_METADATA({path})%") == b""


def test_filter_state_is_told_as_text_or_as_json():
    notes = Notes(filter_state={"k": 'va"l é/'})
    assert rendered("%FILTER_STATE(k:PLAIN)% %FILTER_STATE(k:PLAIN):3%", notes).decode() == 'va"l é/ va"'
    assert rendered("%FILTER_STATE(k)% %FILTER_STATE(k:TYPED)%", notes).decode() == '"va\\"l é/" "va\\"l é/"'
    assert rendered("[%FILTER_STATE(k:FIELD:a)%%FILTER_STATE(no:PLAIN)%]", notes) == b"[]"


@pytest.mark.parametrize("path", ["other:x", "istio:o", '["other","x"]', '["istio"', "envoy.transport_socket_match"])
def test_what_is_not_kept_of_endpoints_is_refused(path: str):
    with pytest.raises(Rejected, match="of endpoints only"):
        rendered(f"%UPSTREAM_METADATA({path})%")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON))
def test_what_is_no_text_is_json(value: object):
    assert json.loads(written(value)) == value
