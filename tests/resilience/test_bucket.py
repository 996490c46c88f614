"""Token buckets: how they fill."""

from hypothesis import given
from hypothesis import strategies as st

from meshio.resilience.bucket import TokenBucket, Tokens


def test_a_bucket_starts_full_and_fills_in_parts() -> None:
    tokens = Tokens(TokenBucket(2, 1, 10.0), 100.0)
    assert [tokens.take(100.0) for _ in range(3)] == [True, True, False]
    assert tokens.wait(100.0) == 10
    assert tokens.wait(104.5) == 6
    assert not tokens.take(109.0)
    assert tokens.take(110.0)
    assert tokens.wait(110.0) == 10


def test_a_token_that_is_there_is_not_waited_for() -> None:
    assert Tokens(TokenBucket(1, 1, 10.0), 0.0).wait(0.0) == 0


def test_several_are_taken_together_or_not_at_all() -> None:
    tokens = Tokens(TokenBucket(3, 1, 1.0), 0.0)
    assert not tokens.take(0.0, 4)
    assert not tokens.take(0.0, 0)
    assert tokens.take(0.0, 3)


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    tokens = Tokens(TokenBucket(1, 1, 1.0), 10.0)
    assert tokens.level(5.0) == 1.0


@given(
    st.builds(TokenBucket, st.integers(1, 50), st.integers(1, 50), st.integers(1, 100).map(float)),
    st.lists(st.integers(0, 20).map(float), max_size=60),
)
def test_no_more_is_taken_than_was_there_and_came(bucket: TokenBucket, pauses: list[float]) -> None:
    now, taken, tokens = 0.0, 0, Tokens(bucket, 0.0)
    for pause in pauses:
        now += pause
        taken += tokens.take(now)
        assert 0 <= tokens.level(now) <= bucket.size
    assert taken <= bucket.size + bucket.rate * now + 1e-6
