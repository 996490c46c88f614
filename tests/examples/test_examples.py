"""The examples, run as their first lines say, on ports that are free."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PORTS = ("18071", "18072")


def free_port() -> str:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an example whose mesh is up."""
    folder = tmp_path / "mesh"
    shutil.copytree(EXAMPLES / "mesh", folder)
    file, ports = folder / "hello.yaml", [free_port(), free_port()]
    text = file.read_text()
    for usual, port in zip(PORTS, ports, strict=True):
        assert usual in text
        text = text.replace(usual, port)
    file.write_text(text)
    with subprocess.Popen([sys.executable, EXAMPLES / "hello.py", *ports], stdout=subprocess.PIPE) as hello:
        assert hello.stdout is not None
        assert b"v1" in hello.stdout.readline()
        yield {**os.environ, "MESHIO_CONFIG": str(folder)}
        hello.kill()


def output_of(example: str, environ: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, EXAMPLES / example], env=environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_httpx_example_reaches_both_versions(environ: dict[str, str]) -> None:
    bob, ann = output_of("httpx_client.py", environ).splitlines()
    assert bob.startswith("bob 200 {'hello': 'bob', 'version': 'v1'} everyone 127.0.0.1:")
    assert ann.startswith("ann 200 {'hello': 'ann', 'version': 'v2'} canary 127.0.0.1:")


def test_the_native_example_reads_whole_and_streamed_answers(environ: dict[str, str]) -> None:
    whole, streamed, missing = output_of("native_client.py", environ).splitlines()
    assert whole.startswith("200 {'hello': 'ann', 'version': 'v2'}")
    assert streamed == '{"hello": "world", "version": "v1"}'
    assert missing == "404 the service's own answer"


def get(url: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"x-user": "ann"}), timeout=10) as answer:
        return str(answer.read().decode())


def test_the_fastapi_example_serves_while_its_mesh_is_open(environ: dict[str, str]) -> None:
    port = free_port()
    words = ["-m", "uvicorn", "--app-dir", EXAMPLES, "--port", port, "fastapi_app:app"]
    with subprocess.Popen([sys.executable, *words], env=environ, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        shown = ""
        while "running on" not in shown:
            line = server.stderr.readline()
            assert line, shown
            shown += line
        began = time.monotonic()
        assert '"version":"v2"' in get(f"http://127.0.0.1:{port}/greet/ann")
        server.terminate()
        assert "Application shutdown complete" in server.stderr.read()
        assert time.monotonic() - began < 10


def test_the_gateway_example_forwards_until_it_is_told_to_stop(environ: dict[str, str]) -> None:
    port = free_port()
    words = [sys.executable, EXAMPLES / "gateway", port]
    hosts = {"GATEWAY_HOSTS": "127.0.0.1=hello"}
    with subprocess.Popen(words, env={**environ, **hosts}, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        shown = ""
        while "running on" not in shown:
            line = server.stderr.readline()
            assert line, shown
            shown += line
        assert '"version": "v2"' in get(f"http://127.0.0.1:{port}/")
        server.terminate()
        assert "Application shutdown complete" in server.stderr.read()


def test_the_gateway_example_says_why_it_does_not_start(environ: dict[str, str]) -> None:
    words = [sys.executable, EXAMPLES / "gateway", free_port()]
    done = subprocess.run(
        words, env={**environ, "MESHIO_CONFIG": "nowhere"}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode != 0
    assert "nowhere" in done.stderr and "Traceback" not in done.stderr


def test_the_documentation_shows_the_fastapi_example_as_it_is() -> None:
    page = (EXAMPLES.parent / "docs" / "applications.md").read_text()
    shown = page.partition("```python\n")[2].partition("```")[0]
    source = (EXAMPLES / "fastapi_app.py").read_text()
    for part in shown.strip().split("\n\n\n"):
        assert part.rstrip() in source
