"""`make demo`, as a visitor without a terminal sees it: every step holds, and nothing is left running."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "demo"
PATIENCE = 55
STEPS = (
    "discovery by service name", "80/20 split", "header canary", "edit the YAML under load",
    "kill an instance under load", "kill the control plane",
)  # fmt: skip


@contextmanager
def demo(scratch: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(DEMO)], env={**os.environ, "TMPDIR": str(scratch), **environ},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def nothing_runs_of(process: subprocess.Popen[str]) -> bool:
    """True when no process of its group is left."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.timeout(PATIENCE + 5)
def test_the_demo_shows_every_step_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, output
        assert [line[2:].split("  ")[0] for line in output.splitlines() if line.startswith("✓")] == list(STEPS)
        assert "\x1b" not in output
        assert nothing_runs_of(process)
        assert not list(tmp_path.iterdir())


def test_a_demo_that_cannot_start_says_what_the_process_said(tmp_path: Path) -> None:
    broken = tmp_path / "site"
    broken.mkdir()
    (broken / "aiohttp.py").write_text("raise ImportError('aiohttp has gone')")
    with demo(tmp_path, PYTHONPATH=str(broken)) as process:
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1, output
        assert "✗ start: productpage ended with 1" in output
        assert "ImportError: aiohttp has gone" in output
        assert nothing_runs_of(process)


@pytest.mark.timeout(PATIENCE + 5)
def test_the_demo_that_is_kept_ends_with_its_reader(tmp_path: Path) -> None:
    with demo(tmp_path, KEEP="1") as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith("Ctrl-C"):
                break
        assert "meshio get --xds 127.0.0.1:" in shown
        process.terminate()
        assert process.wait(timeout=10) == 0
        assert nothing_runs_of(process)
