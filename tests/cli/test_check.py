"""`meshio check` says what is wrong, where, and what would be right."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Meshio = Callable[..., Result]

WRONG = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec:
  hosts: [echo]
  http:
  - route:
    - destination: {host: echo, subset: v9}
    timeut: 5s
"""


def test_a_folder_that_is_right_has_no_problems(meshio: Meshio, mesh: Path) -> None:
    assert meshio("check", mesh).stdout == "0 errors, 0 warnings\n"


def test_a_mistake_is_told_with_file_line_field_and_what_would_be_right(meshio: Meshio, mesh: Path) -> None:
    (mesh / "echo.yaml").write_text((mesh / "echo.yaml").read_text().split("---\n")[0] + "---\n" + WRONG)
    told = meshio("check", mesh, code=1).stdout
    assert f"{mesh}/echo.yaml:21: error: spec.http[0].timeut" in told
    assert "did you mean 'timeout'?" in told
    assert told.endswith("1 error, 0 warnings\n")


def test_a_name_that_nobody_defines_is_told(meshio: Meshio, mesh: Path) -> None:
    (mesh / "echo.yaml").write_text((mesh / "echo.yaml").read_text().replace("subset: v1}", "subset: v9}"))
    told = meshio("check", mesh, code=1).stdout
    assert "subset 'v9'" in told
    assert "one of: v1, broken" in told


def test_programs_get_every_field_of_it(meshio: Meshio, mesh: Path) -> None:
    (mesh / "more.yaml").write_text(WRONG.replace("name: echo}", "name: other}"))
    problems = json.loads(meshio("check", "--config", mesh, "--json", code=1).stdout)["problems"]
    assert {"file", "line", "field", "text", "suggestion", "severity"} <= problems[0].keys()
    assert {Path(each["file"]).name for each in problems} == {"more.yaml"}


def test_what_is_not_yaml_is_told(meshio: Meshio, mesh: Path) -> None:
    (mesh / "bad.yaml").write_text("a: [")
    assert "bad.yaml:" in meshio("check", mesh, code=1).stdout


def test_the_environment_names_the_folder(meshio: Meshio, mesh: Path) -> None:
    meshio("check", env={"MESHIO_CONFIG": str(mesh)})


def test_no_folder_is_wrong_use(meshio: Meshio) -> None:
    assert "MESHIO_CONFIG" in meshio("check", code=2).stderr
    assert "not a folder" in meshio("check", "/nowhere", code=2).stderr
