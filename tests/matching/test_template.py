"""Path templates, against answers that Envoy 1.40 gave to the same templates and paths."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.matching import PathTemplate
from tests.matching.asked import matches

RECORDED = json.loads(Path(__file__).with_name("templates.json").read_text())


@pytest.mark.parametrize("template", RECORDED["answers"])
def test_a_template_takes_the_paths_that_envoy_takes(template: str) -> None:
    matcher = PathTemplate(template)
    assert [path for path in RECORDED["paths"] if matches(matcher, path.encode())] == RECORDED["answers"][template]


@pytest.mark.parametrize("template", [*RECORDED["refused"], "", "/" + "a" * 256])
def test_a_malformed_template_is_refused(template: str) -> None:
    with pytest.raises(Rejected):
        PathTemplate(template)


def test_the_query_does_not_count() -> None:
    assert matches(PathTemplate("/a/{b}"), b"/a/x?y=/z")
    assert not matches(PathTemplate("/a/{b}"), b"/a?b=/c")


@given(st.lists(st.sampled_from(["a", "b.c", "*", "{x}", "{y=*}", "p{z}q"]), unique=True, max_size=4))
def test_what_a_template_is_filled_with_fits_it(segments: list[str]) -> None:
    filled = [
        segment.replace("*", "v").replace("{x}", "v").replace("{y=v}", "v").replace("{z}", "v") for segment in segments
    ]
    template = PathTemplate("/" + "/".join(segments))
    assert matches(template, ("/" + "/".join(filled)).encode())
    assert not matches(template, ("/" + "/".join([*filled, "more"])).encode()) or not segments


def test_a_template_says_what_it_asks() -> None:
    assert str(PathTemplate("/a/{b}")) == "path fits '/a/{b}'"
