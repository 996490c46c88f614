"""Names that requests bring along: what they name, and when they are looked up again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.naming.cache import NameCache, pause_after, place_of
from meshio.naming.resolver import Answer

FAILED = Answer(failed=True)


@pytest.mark.parametrize(
    ("authority", "place"),
    [
        ("a.test", ("a.test", 80)),
        ("A.test:81", ("A.test", 81)),
        ("a.test:0", ("a.test", 0)),
        ("a.test:", ("a.test:", 80)),
        ("a.test:x", ("a.test:x", 80)),
        ("a.test:99999", ("a.test:99999", 80)),
        ("a.test:" + "9" * 5000, ("a.test:" + "9" * 5000, 80)),
        ("a.test:²", ("a.test:²", 80)),
        ("10.0.0.1:81", ("10.0.0.1", 81)),
        ("[::1]:81", ("::1", 81)),
        ("[::1]", ("::1", 80)),
        ("::1", (":", 1)),
        ("[::1", ("[:", 1)),
        ("[]:9", ("[]", 9)),
        ("[a.test]:9", ("[a.test]", 9)),
        (":9", ("", 9)),
        ("", ("", 80)),
    ],
)
def test_what_an_authority_names(authority: str, place: tuple[str, int]) -> None:
    assert place_of(authority, 80) == place


@given(st.text(max_size=30))
def test_any_authority_names_something(authority: str) -> None:
    host, port = place_of(authority, 80)
    assert 0 <= port <= 65535
    assert len(host) <= len(authority)


@pytest.mark.parametrize(
    ("lifetimes", "pause"),
    [((), 60.0), ((300,), 300.0), ((300, 7), 300.0), ((7, 300), 7.0), ((1,), 5.0), ((0,), 5.0)],
)
def test_an_answer_is_kept_for_as_long_as_its_first_address_is_good(lifetimes: tuple[int, ...], pause: float) -> None:
    answer = Answer(tuple((f"10.0.0.{number}", lifetime) for number, lifetime in enumerate(lifetimes)))
    assert pause_after(answer, NameCache("c"), 0) == pause


@pytest.mark.parametrize(("refresh", "pause"), [(2.9, 2.0), (1.0, 1.0), (0.25, 0.25)])
def test_a_name_without_addresses_is_looked_up_after_whole_seconds(refresh: float, pause: float) -> None:
    assert pause_after(Answer(), NameCache("c", refresh=refresh), 0) == pause


def test_a_failure_is_looked_up_again_at_the_refresh_rate_or_its_own() -> None:
    assert pause_after(FAILED, NameCache("c", refresh=7.0), 3) == 7.0
    assert pause_after(FAILED, NameCache("c", refresh=0.1, shortest=2.0), 1) == 2.0
    own = NameCache("c", shortest=1.0, failure=(2.0, 8.0))
    for failures, most in ((1, 2.0), (2, 4.0), (3, 8.0), (4, 8.0), (9999, 8.0)):
        pauses = [pause_after(FAILED, own, failures) for _ in range(200)]
        assert min(pauses) >= 1.0
        assert most / 2 < max(pauses) <= most
