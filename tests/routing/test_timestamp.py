"""Times as Envoy 1.40 was seen to write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.routing.timestamp import LONGEST, compile_time


def written(form, now):
    write = compile_time(form)
    assert write is not None
    return write(now)


MOMENT = 1795647479.548061  # 2026-11-25T22:57:59.548061Z, a Wednesday


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("", "2026-11-25T22:57:59.548Z"),
        ("%Y-%m-%dT%H:%M:%S.%3fZ", "2026-11-25T22:57:59.548Z"),
        ("%1f %2f %4f %5f %7f", "5 54 5480 54806 5480610"),
        ("%9f %f", "548061000 548061000"),
        ("%s", "1795647479"),
        ("%s.%6f", "1795647479.548061"),
        ("%3s", "1795647479"),
        ("%E3S", "59.548"),
        ("%E0S", "59"),
        ("%E*S", "59.548061"),
        ("%E3f", "548"),
        ("%E4Y", "2026"),
        ("%H:%M:%S %z %Z %Ez", "22:57:59 +0000 UTC +00:00"),
        ("%a %A %b %B %d %e %j %U %w %y %p %I", "Wed Wednesday Nov November 25 25 329 47 3 26 PM 10"),
        ("%T %D %F %R", "22:57:59 11/25/26 2026-11-25 22:57"),
        ("%G %V %u", "2026 48 3"),
        ("%% %Q %0f abc", "% %Q %0f abc"),
    ],
)
def test_a_moment_in_this_form(form, text):
    assert written(form, MOMENT).decode() == text


@pytest.mark.parametrize("form", ["%n", "a\nb", "a\0b", "a" * (LONGEST + 1)])
def test_a_form_that_is_not_one_line_is_refused(form):
    assert compile_time(form) is None


@given(st.text(st.sampled_from("%EfsS*z34Y0aQ -"), max_size=12), st.floats(0, 4e9))
def test_any_form_is_written(form, now):
    assert isinstance(written(form, now), bytes)
