"""What programs and people get to see."""

import json
import sys

import pytest

from meshio.cli.show import plain, show_json, show_table
from meshio.routing.route import DirectResponse, Route
from meshio.upstream.endpoint import Endpoint


def test_values_become_plain_json_that_names_their_types(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({("a", 1): Route((), DirectResponse(503, b"no\xff"), name="r"), "hosts": frozenset({"b", "a"})})
    shown = json.loads(capsys.readouterr().out)
    assert shown["hosts"] == ["a", "b"]
    assert shown["a/1"]["action"] == {
        "type": "DirectResponse",
        "status": 503,
        "body": "no\\xff",
        "form": None,
    }


def test_an_endpoint_keeps_its_address() -> None:
    shown = plain(Endpoint(("10.0.0.1", 80)))
    assert isinstance(shown, dict)
    assert shown["address"] == ["10.0.0.1", 80]


def test_programs_get_lines_of_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("name", "hosts"), [("reviews", 3)])
    assert capsys.readouterr().out == "name\thosts\nreviews\t3\n"


def test_people_get_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    show_table(("name", "hosts"), [("[reviews]", 3)])
    head, row = capsys.readouterr().out.splitlines()
    assert (head.split(), row.split()) == (["name", "hosts"], ["[reviews]", "3"])
