"""`meshio dump` shows what is in service."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Meshio = Callable[..., Result]
V1 = "outbound|80|v1|echo.default.svc.cluster.local"


def rows(result: Result) -> list[list[str]]:
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_everything_in_numbers(meshio: Meshio, mesh: Path) -> None:
    columns, *kinds = rows(meshio("dump", "--config", mesh))
    assert columns == ["kind", "number", "version", "since"]
    assert [row[0] for row in kinds] == ["listeners", "routes", "clusters", "endpoints"]
    assert all(int(row[1]) > 0 for row in kinds)


def test_every_row_says_when_it_came(meshio: Meshio, mesh: Path) -> None:
    for kind in ("listeners", "routes", "clusters", "endpoints"):
        columns, *found = rows(meshio("dump", "--config", mesh, kind))
        assert columns[-2:] == ["version", "since"]
        assert found
        assert all(row[-1].startswith("20") for row in found), found


def test_text_leaves_what_contains_it(meshio: Meshio, mesh: Path, echo_port: int) -> None:
    _, row = rows(meshio("dump", "--config", mesh, "endpoints", f":{echo_port}"))[-2:]
    assert row[1] == f"127.0.0.1:{echo_port}"
    assert {row[0] for row in rows(meshio("dump", "--config", mesh, "clusters", "|v1|"))[1:]} == {V1}


def test_programs_get_every_field(meshio: Meshio, mesh: Path) -> None:
    told = json.loads(meshio("dump", "--config", mesh, "--json", "clusters", V1).stdout)
    cluster = told["clusters"][V1]
    assert cluster["value"]["discovery"] == {"type": "Eds", "service": V1}
    assert cluster["since"].startswith("20")
    everything = json.loads(meshio("dump", "--config", mesh, "--json").stdout)
    assert set(everything) == {"listeners", "routes", "clusters", "endpoints"}


def test_an_unknown_kind_is_wrong_use(meshio: Meshio, mesh: Path) -> None:
    assert "listeners" in meshio("dump", "--config", mesh, "secrets", code=2).stderr
