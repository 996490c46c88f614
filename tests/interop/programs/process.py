"""Programs as children: started, waited for, ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

PATIENCE = 50.0  # seconds until a peer must be ready; istiod takes three on an idle machine

Output = Callable[[], str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, log: str, environ: Mapping[str, str] | None = None
) -> Iterator[Output]:
    """A child process in a folder, its output in a file there. Gives a function that reads the output so far."""
    output = folder / log
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield lambda: output.read_text(errors="replace")
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def until(ready: Callable[[], bool], what: str, output: Output) -> None:
    """Wait for a peer. Fails with the end of its output."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come up in {PATIENCE:g} s:\n{output()[-2000:]}")
        time.sleep(0.1)


def fetch(url: str) -> str | None:
    """The body of a GET; None when there is none to be had."""
    try:
        with urlopen(url, timeout=2) as response:
            body: bytes = response.read()
            return body.decode()
    except (URLError, OSError):
        return None


def answers(url: str) -> Callable[[], bool]:
    return lambda: fetch(url) is not None


@contextmanager
def upstream(host: str, port: int, folder: Path) -> Iterator[Output]:
    """An HTTP server that tells what it was asked."""
    command = [sys.executable, Path(__file__).parent / "upstream.py", host, str(port)]
    with running(command, folder, "upstream.log") as output:
        until(answers(f"http://{host}:{port}/"), "the upstream", output)
        yield output
