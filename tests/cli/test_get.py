"""`meshio get` is curl that goes through the mesh."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Meshio = Callable[..., Result]


def test_the_body_goes_to_stdout_as_it_came(meshio: Meshio, mesh: Path) -> None:
    result = meshio("get", "--config", mesh, "http://echo/a?b=c")
    assert result.stdout == "GET /a?b=c echo - "


def test_the_decision_goes_to_stderr(meshio: Meshio, mesh: Path) -> None:
    told = meshio("get", "--config", mesh, "echo/").stderr
    assert "outbound|80|v1|echo.default.svc.cluster.local" in told
    assert "attempts=1" in told
    assert meshio("get", "--config", mesh, "-s", "echo/").stderr == ""


def test_headers_method_and_data_are_sent(meshio: Meshio, mesh: Path) -> None:
    result = meshio(
        "get", "--config", mesh, "-X", "PUT", "-H", "x-user: ann", "-d", "a=1", "-d", "@-", "echo/", input="b"
    )
    assert result.stdout == "PUT / echo ann a=1&b"
    assert meshio("get", "--config", mesh, "-d", "x", "echo").stdout == "POST / echo - x"


def test_the_head_comes_first_when_asked_for(meshio: Meshio, mesh: Path) -> None:
    head, _, body = meshio("get", "--config", mesh, "-i", "echo/").stdout_bytes.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 200"
    assert b"content-length: 13" in head
    assert body == b"GET / echo - "


def test_only_the_head(meshio: Meshio, mesh: Path) -> None:
    head = meshio("get", "--config", mesh, "-I", "echo/").stdout_bytes
    assert head.startswith(b"HTTP/1.1 200\r\n")
    assert head.endswith(b"\r\n\r\n")


def test_a_file_takes_the_body(meshio: Meshio, mesh: Path, tmp_path: Path) -> None:
    meshio("get", "--config", mesh, "-o", tmp_path / "out", "echo/")
    assert (tmp_path / "out").read_text() == "GET / echo - "


def test_verbose_tells_the_whole_decision(meshio: Meshio, mesh: Path) -> None:
    told = meshio("get", "--config", mesh, "-v", "echo/").stderr
    assert "* passed over" in told
    assert "* route           everything" in told


def test_json_has_it_all(meshio: Meshio, mesh: Path) -> None:
    told = json.loads(meshio("get", "--config", mesh, "--json", "-d", "\xe9", "echo/").stdout)
    assert (told["status"], told["body"]) == (200, "POST / echo - \xe9")
    assert told["mesh"]["attempts"] == 1


def test_an_answer_of_the_mesh_itself_is_a_failure(meshio: Meshio, mesh: Path) -> None:
    result = meshio("get", "--config", mesh, "echo/broken", code=1)
    assert result.stdout.startswith("upstream connect error")
    assert "503" in result.stderr
    assert "UF" in result.stderr


def test_the_environment_says_where_to_look(meshio: Meshio, mesh: Path) -> None:
    assert meshio("get", "-s", "echo", env={"MESHIO_CONFIG": str(mesh)}).stdout == "GET / echo - "


def test_no_environment_is_wrong_use_and_lists_what_was_looked_for(meshio: Meshio) -> None:
    told = meshio("get", "echo", code=2).stderr
    assert "MESHIO_CONFIG" in told
    assert "GRPC_XDS_BOOTSTRAP" in told


def test_two_places_to_look_are_wrong_use(meshio: Meshio, mesh: Path) -> None:
    assert "exclude each other" in meshio("get", "--config", mesh, "--xds", "localhost:1", "echo", code=2).stderr


def test_a_control_plane_that_is_not_there_is_told(meshio: Meshio) -> None:
    told = meshio("get", "--xds", "127.0.0.1:1", "--ready-timeout", "0.5", "echo", code=1).stderr
    assert "127.0.0.1:1" in told


def test_what_is_not_a_url_is_told(meshio: Meshio, mesh: Path) -> None:
    assert "ftp" in meshio("get", "--config", mesh, "ftp://echo", code=2).stderr
