"""How many tokens a request takes, where it says so itself (Envoy reads numbers with absl's SimpleAtod)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.message import Request
from meshio.resilience.descriptors import MOST_HITS, Caller, Fixed, Limit, OfHeader, describing, number


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        (b"2", 2),
        (b" 1.9 ", 1),
        (b".5", 0),
        (b"1e3", 1000),
        (b"0x1F", 31),
        (b"-1", None),
        (b"-0", 0),
        (b"", None),
        (b"1_0", None),
        (b"nan", None),
        (b"inf", None),
        (b"1e99", None),
        (b"9" * 400, None),
        (b"two", None),
    ],
)
def test_a_number_is_a_number(text: bytes, hits: int | None) -> None:
    assert number(text) == hits


@given(st.binary(max_size=20))
def test_any_bytes_are_tokens_or_nothing(text: bytes) -> None:
    found = number(text)
    assert found is None or 0 <= found <= MOST_HITS


def test_a_request_without_a_number_has_no_descriptor() -> None:
    caller = Caller("c", "1.1.1.1", lambda form: lambda request: request.header(form.encode()) or b"")
    limits = [Limit((Fixed("a", b"b"),), form="x-hits"), Limit((OfHeader(b"x-user", "user"),), hits=0)]
    describe = describing(limits, caller)
    asked = Request(b"GET", b"svc", b"/", [(b"x-hits", b"3"), (b"x-user", b"ann")])
    assert describe(asked) == [((("a", b"b"),), 3), ((("user", b"ann"),), 0)]
    assert describe(Request(b"GET", b"svc", b"/", [(b"x-hits", b"x")])) == []
