"""Query parameters, against answers that Envoy 1.40 gave to the same requests."""

import pytest

from meshio.matching import Exact, Matcher, Query, QueryPresent
from tests.matching.asked import matches


@pytest.mark.parametrize(
    ("matcher", "path", "verdict"),
    [
        (Query(b"a b", Exact(b"x y")), b"/?a%20b=x%20y", False),
        (Query(b"a%20b", Exact(b"x%20y")), b"/?a%20b=x%20y", True),
        (Query(b"a", Exact(b"x")), b"/?a=%78", False),
        (Query(b"a", Exact(b"x")), b"/?b=1&a=x&a=z", True),
        (Query(b"a", Exact(b"x")), b"/?a=z&a=x", False),
        (Query(b"a", Exact(b"x")), b"/?A=x", False),
        (Query(b"a", Exact(b"x")), b"/?a==x", False),
        (Query(b"a", Exact(b"x")), b"/a=x", False),
        (QueryPresent(b"a"), b"/?a", True),
        (QueryPresent(b"a"), b"/?&&a=1", True),
        (QueryPresent(b"a"), b"/?ab=", False),
        (QueryPresent(b"a"), b"/?x?a=1", False),
        (QueryPresent(b"a"), b"/?x=1?&a=1", True),
        (QueryPresent(b"a"), b"/", False),
        (QueryPresent(b"a", present=False), b"/", True),
        (QueryPresent(b"a", present=False), b"/?a", False),
    ],
)
def test_query_parameters_are_compared_as_they_are_written(matcher: Matcher, path: bytes, verdict: bool) -> None:
    assert matches(matcher, path) is verdict


@pytest.mark.parametrize(
    ("matcher", "words"),
    [
        (Query(b"v", Exact(b"2")), "query parameter v is exactly '2'"),
        (QueryPresent(b"v"), "query parameter v is present"),
        (QueryPresent(b"v", present=False), "query parameter v is absent"),
    ],
)
def test_query_parameters_say_what_they_ask(matcher: Matcher, words: str) -> None:
    assert str(matcher) == words
