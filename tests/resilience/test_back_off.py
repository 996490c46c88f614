"""How long a retry waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.message import Body, Response
from meshio.resilience.back_off import RateLimited, ResetHeader, jittered

NOW = 1_700_000_000.7


def told(*headers: tuple[bytes, bytes]) -> Response:
    return Response(503, list(headers), Body())


@pytest.mark.parametrize(
    ("form", "value", "seconds"),
    [
        ("seconds", b"3", 3.0),
        ("seconds", b"0", 0.0),
        ("seconds", b"-3", None),
        ("seconds", b"3.5", None),
        ("seconds", b"soon", None),
        ("seconds", b"", None),
        ("at", b"1700000005", 5.0),
        ("at", b"1700000000", 0.0),
        ("at", b"1699999999", None),
        ("at", b"never", None),
    ],
)
def test_a_header_says_when(form: str, value: bytes, seconds: float | None) -> None:
    header = ResetHeader(b"reset", form)  # type: ignore[arg-type]
    assert header.interval(told((b"reset", value)), NOW) == seconds


def test_the_first_value_of_the_first_header_that_says_something_possible_counts() -> None:
    limited = RateLimited((ResetHeader(b"a"), ResetHeader(b"b"), ResetHeader(b"c")), longest=60.0)
    delay = limited.delay(told((b"b", b"61"), (b"c", b"4"), (b"c", b"9")), NOW)
    assert delay is not None
    assert 4.0 <= delay < 6.0
    assert limited.delay(told((b"a", b"61")), NOW) is None
    assert limited.delay(told(), NOW) is None
    assert limited.delay(told((b"a", b"0")), NOW) is None


@given(st.integers(1, 100), st.integers(0, 10**6))
def test_what_is_said_is_the_least(longest: int, said: int) -> None:
    delay = RateLimited((ResetHeader(b"a"),), longest).delay(told((b"a", b"%d" % said)), NOW)
    assert delay is None if said > longest or not said else said <= (delay or 0) < said * 1.5


@given(st.floats(0.001, 10), st.floats(10, 100), st.integers(1, 1_000_000))
def test_no_delay_is_beyond_its_bound(first: float, longest: float, number: int) -> None:
    assert 0 <= jittered(first, longest, number) < longest
