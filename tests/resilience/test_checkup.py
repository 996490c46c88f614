"""The state of a host under active health checks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.resilience.checkup import Checkup, Failure


def well() -> Checkup:
    checkup = Checkup()
    assert checkup.passed(9) == "changed"
    return checkup


def test_a_new_host_is_ill_and_its_first_check_decides() -> None:
    checkup = Checkup()
    assert checkup.failed
    assert str(checkup) == "its health check was not done yet"
    assert checkup.missed(2, "network") == "same"
    assert str(checkup) == "its health check did not pass"
    assert not well().failed


def test_after_that_it_takes_as_many_in_a_row_as_the_threshold_says() -> None:
    checkup = Checkup()
    checkup.missed(2, "network")
    assert [checkup.passed(3), checkup.passed(3)] == ["pending", "pending"]
    checkup.missed(2, "network")
    assert [checkup.passed(3) for _ in range(3)] == ["pending", "pending", "changed"]
    assert [checkup.missed(2, "network"), checkup.passed(3)] == ["pending", "same"]
    assert [checkup.missed(2, "timeout"), checkup.missed(2, "timeout")] == ["pending", "changed"]
    assert (checkup.failed, checkup.late) == (True, True)
    assert "did not answer in time" in str(checkup)
    checkup.missed(2, "network")
    assert not checkup.late


@pytest.mark.parametrize(("why", "change"), [("answer", "changed"), ("answer to retry", "pending")])
def test_a_wrong_answer_is_enough_by_itself_unless_it_may_be_retried(why: Failure, change: str) -> None:
    assert well().missed(5, why) == change


def test_a_host_that_is_left_out_until_its_first_check() -> None:
    checkup = Checkup(pending=True)
    assert checkup.uncounted
    assert "not counted until then" in str(checkup)
    assert checkup.missed(1, "network") == "changed"  # it counts now, as ill
    assert not checkup.uncounted


def test_who_excluded_itself_counts_again_when_it_passes() -> None:
    checkup = well()
    checkup.excluded = True
    checkup.missed(1, "answer")
    assert (checkup.uncounted, str(checkup)) == (True, "its health check did not pass, and it is not counted")
    checkup.passed(1)
    assert not checkup.uncounted


def test_degraded_is_a_change_of_its_own() -> None:
    checkup = well()
    assert [checkup.passed(1, each) for each in (True, True, False)] == ["changed", "same", "changed"]
    checkup.passed(1, True)
    assert str(checkup) == "passes its health checks, degraded"


CHECKS = st.lists(st.sampled_from(["well", "answer", "answer to retry", "network", "timeout"]))


@given(CHECKS, st.integers(1, 4), st.integers(1, 4))
def test_it_agrees_with_counting_from_the_end(checks: list[Failure], bad: int, good: int) -> None:
    checkup, failed = Checkup(), True
    for at, check in enumerate(checks):
        before = checkup.failed
        change = checkup.passed(good) if check == "well" else checkup.missed(bad, check)
        assert (checkup.failed != before) == (change == "changed")
        runs = checks[: at + 1][::-1]
        if check == "well":
            length = next((i for i, each in enumerate(runs) if each != "well"), len(runs))
            failed = failed and at > 0 and length < good
        elif check == "answer":
            failed = True
        elif not failed:
            steps = next((i for i, each in enumerate(runs) if each in ("well", "answer")), len(runs))
            failed = steps >= bad
        assert checkup.failed == failed
