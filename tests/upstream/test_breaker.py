"""What is under way in one priority, and how much may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Overloaded
from meshio.resilience.limits import Limits, RetryBudget
from meshio.upstream.breaker import Breaker, Remaining


def limited(**limits: object) -> Breaker:
    breaker = Breaker()
    breaker.limit("c", Limits(**limits))  # type: ignore[arg-type]
    return breaker


def test_without_limits_envoys_defaults_hold() -> None:
    breaker = Breaker()
    assert (breaker.most, breaker.limits) == (1024, Limits())


def test_so_many_may_wait_for_a_connection() -> None:
    breaker = limited(pending=1)
    breaker.queue()
    with pytest.raises(Overloaded, match="c: 1 requests wait"):
        breaker.queue()
    assert breaker.pending == 1
    breaker.pending -= 1
    breaker.queue()


def test_who_is_refused_hears_why() -> None:
    breaker = limited(requests=2)
    breaker.active = 2
    assert "'c' has 2 requests under way" in str(breaker.crowded())


def test_so_many_retries_may_be_under_way() -> None:
    breaker = limited(retries=2)
    assert [breaker.start_retry() for _ in range(3)] == [True, True, False]
    breaker.end_retry()
    assert breaker.start_retry()


def test_no_retries_are_none() -> None:
    assert not limited(retries=0).start_retry()


def test_a_budget_is_a_share_of_what_is_under_way_or_waits() -> None:
    breaker = limited(retries=0, budget=RetryBudget(percent=20.0, least=1))
    assert [breaker.start_retry(), breaker.start_retry()] == [True, False]
    breaker.active, breaker.pending = 10, 4  # and the one that asks
    assert [breaker.start_retry(), breaker.start_retry(), breaker.start_retry()] == [True, True, False]


def test_a_request_that_is_counted_still_is_not_counted_twice() -> None:
    breaker = limited(budget=RetryBudget(percent=50.0, least=0))
    breaker.active = 1
    assert not breaker.start_retry(counted=True)
    assert breaker.start_retry()


@given(
    st.integers(0, 50), st.integers(0, 50), st.floats(0.0, 100.0), st.integers(0, 5), st.booleans(), st.integers(0, 60)
)
def test_a_budget_is_never_exceeded(
    active: int, pending: int, percent: float, least: int, counted: bool, asked: int
) -> None:
    breaker = limited(budget=RetryBudget(percent, least))
    breaker.active, breaker.pending = active, pending
    granted = sum(breaker.start_retry(counted) for _ in range(asked))
    assert granted == breaker.retries <= max(int(percent / 100.0 * (active + pending + 1)), least)
    assert granted == asked or granted >= least


def test_new_limits_leave_what_is_under_way() -> None:
    breaker = limited(requests=5)
    breaker.active = 4
    breaker.limit("c", Limits(requests=3))
    assert (breaker.active, breaker.most) == (4, 3)


def test_what_is_left_of_each_limit_is_known_at_any_time() -> None:
    breaker = limited(connections=4, pending=3, requests=2, retries=1)
    assert breaker.remaining == Remaining(4, 3, 2, 1)
    breaker.connections, breaker.pending, breaker.active, breaker.retries = 1, 1, 1, 1
    assert breaker.remaining == Remaining(3, 2, 1, 0)
    breaker.limit("c", Limits(0, 0, 0, 0))
    assert breaker.remaining == Remaining(0, 0, 0, 0)


def test_a_budget_leaves_retries_as_a_share_of_the_requests() -> None:
    breaker = limited(budget=RetryBudget(50.0, 1))
    breaker.active, breaker.pending, breaker.retries = 6, 2, 1
    assert breaker.remaining.retries == 3
