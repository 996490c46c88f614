"""`meshio controlplane` as a process of its own, and commands that ask it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result

Meshio = Callable[..., Result]


@contextmanager
def serving(folder: Path, end: signal.Signals = signal.SIGINT) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A control plane on a free port: its address, and the process, which has ended afterwards.

    What it logs is in the file `log` beside the folder.
    """
    command = [sys.executable, "-m", "meshio", "controlplane", str(folder), "--listen", "127.0.0.1:0"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    log = folder.with_name("log").open("w")
    with log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on ").strip(), process
        finally:
            process.send_signal(end)
            process.wait(5)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(meshio: Meshio, mesh: Path, end: signal.Signals) -> None:
    with serving(mesh, end) as (address, process):
        assert meshio("get", "--xds", address, "-s", "http://echo/a").stdout == "GET /a echo - "
        told = meshio("explain", "http://echo/", env={"MESHIO_DISCOVERY_ADDRESS": address}).stdout
        assert "outbound|80|v1|echo.default.svc.cluster.local" in told
        assert "clusters" in meshio("dump", "--xds", address).stdout
    assert process.returncode == 0
    log = mesh.with_name("log").read_text()
    assert "connected" in log
    assert "Traceback" not in log


def test_a_port_that_is_taken_is_told(meshio: Meshio, mesh: Path) -> None:
    with serving(mesh) as (address, _):
        assert "cannot listen" in meshio("controlplane", mesh, "--listen", address, code=2).stderr


@pytest.mark.parametrize("listen", ["15010", "localhost:", "localhost:http", "localhost:70000"])
def test_an_address_that_is_none_is_wrong_use(meshio: Meshio, mesh: Path, listen: str) -> None:
    assert "HOST:PORT" in meshio("controlplane", mesh, "--listen", listen, code=2).stderr


def test_a_background_job_of_a_script_ends_on_sigterm(mesh: Path) -> None:
    """Shells start such jobs with SIGINT ignored."""
    script = f"{sys.executable} -m meshio controlplane {mesh} --listen 127.0.0.1:0 & echo $!; wait $!; echo ended $?"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        assert shell.stdout.readline().startswith("listening on ")
        os.kill(pid, signal.SIGTERM)
        assert shell.stdout.readline() == "ended 0\n"
