"""`meshio explain` tells people and programs the same."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Meshio = Callable[..., Result]


def lines(result: Result) -> dict[str, str]:
    """What the story says, by its labels; of equal ones the last."""
    return {line[:16].strip(): line[16:] for line in result.stdout.splitlines()}


def test_people_read_a_story(meshio: Meshio, mesh: Path, echo_port: int) -> None:
    told = lines(meshio("explain", "--config", mesh, "http://echo/"))
    assert told["destination"].startswith("echo:80")
    assert told["virtual host"].startswith("echo.default.svc.cluster.local:80")
    assert told["passed over"].startswith("broken: unmet: ")
    assert told["route"].startswith("everything")
    assert told["cluster"] == "100% outbound|80|v1|echo.default.svc.cluster.local"
    assert told["candidate"].startswith(f"127.0.0.1:{echo_port} ")
    assert told["retries"].startswith("2 on ")
    assert told["timeout"] == "none"


def test_programs_read_json(meshio: Meshio, mesh: Path) -> None:
    told = json.loads(meshio("explain", "--config", mesh, "--json", "-X", "POST", "http://echo/").stdout)
    assert (told["method"], told["route"], told["answer"]) == ("POST", "everything", None)
    assert told["retry"]["attempts"] == 2


def test_an_error_that_the_mesh_would_answer_is_a_problem(meshio: Meshio, mesh: Path) -> None:
    told = lines(meshio("explain", "--config", mesh, "http://nobody/", code=1))
    assert told["answer"].startswith("503 UH: ")


def test_a_destination_outside_of_the_mesh_passes_through(meshio: Meshio, mesh: Path) -> None:
    told = lines(meshio("explain", "--config", mesh, "http://example.com/"))
    assert told["cluster"] == "100% PassthroughCluster"


def test_notes_can_be_said(meshio: Meshio, mesh: Path) -> None:
    notes = '{"metadata": {"tenant": {"plan": "gold"}}}'
    told = lines(meshio("explain", "--config", mesh, "--notes", notes, "http://echo/"))
    assert told["route"].startswith("everything")
