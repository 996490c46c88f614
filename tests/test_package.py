"""The package as a newcomer meets it: its public names, and the index that says where to look."""

import re
from pathlib import Path

import pytest

import meshio

ROOT = Path(meshio.__file__).parent
DESIGN = ROOT.parent / "docs" / "design.md"
PLACE = re.compile(r"\b[a-z]+(?:/[a-z_*]+)*\.py\b")


@pytest.mark.parametrize("name", meshio.__all__)
def test_a_public_name_can_be_had_and_is_listed(name: str) -> None:
    assert getattr(meshio, name).__doc__
    assert name in dir(meshio)


def test_nothing_public_is_left_out_of_the_list() -> None:
    assert sorted(meshio.HOMES) == sorted(meshio.__all__)


def test_a_name_that_does_not_exist_is_told_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'meshio' has no attribute 'Mash'"):
        meshio.Mash  # noqa: B018 (asking is the test)


@pytest.mark.parametrize("text", [meshio.__doc__, DESIGN.read_text()], ids=["docstring", "docs/design.md"])
def test_the_index_leads_to_files_that_exist(text: str) -> None:
    places = set(PLACE.findall(text))
    assert len(places) > 5
    assert [place for place in places if not any(ROOT.glob(place)) and not (ROOT.parent / place).exists()] == []
