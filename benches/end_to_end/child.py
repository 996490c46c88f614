"""Processes of the bench. None outlives it: not after an error, an interrupt, or a kill."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

PATIENCE = 30.0  # seconds until a process must be ready
BENCHES = Path(__file__).parents[1]
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
DIRECT = build_opener(ProxyHandler({}))


class Trouble(Exception):
    """The bench cannot go on; the text is for who runs it."""


class Child:
    """A running process, with lines to and from it, and its errors in a file."""

    def __init__(self, name: str, process: "subprocess.Popen[str]", log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.ended() from None

    def hear(self) -> str:
        """Its next line. Raises Trouble when it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise self.ended()
        return line.strip()

    def until_answers(self, url: str) -> None:
        """Wait for it. Raises Trouble when it ends or does not answer in time."""
        deadline = time.monotonic() + PATIENCE
        while fetch(url) is None:
            if self.process.poll() is not None:
                raise self.ended()
            if time.monotonic() > deadline:
                raise Trouble(f"{self.name} does not answer at {url} after {PATIENCE:g} s\n{self.tail()}")
            time.sleep(0.05)

    def ended(self) -> Trouble:
        self.process.wait(PATIENCE)
        return Trouble(f"{self.name} has ended (exit code {self.process.returncode}); its last words:\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


@contextmanager
def child(name: str, command: Sequence[str], folder: Path) -> Iterator[Child]:
    """Run a program until the block is left. Raises Trouble when it cannot be started."""
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("w") as errors:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": str(BENCHES)},
                preexec_fn=ends_with_us(os.getpid()),
                start_new_session=True,
            )
        except OSError as error:
            raise Trouble(f"cannot start {name}: {error}") from error
    with process:
        try:
            yield Child(name, process, log)
        finally:
            end(process)


def ends_with_us(parent: int) -> Callable[[], None]:
    """Asks the kernel to kill the child when this process dies, however that happens. Elsewhere than Linux: nothing."""

    def ask() -> None:
        if sys.platform == "linux":
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before we asked
                os._exit(1)

    return ask


def end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package."""
    return [sys.executable, "-m", f"end_to_end.{name}", *arguments]


def fetch(url: str) -> str | None:
    """The body of a GET; None when there is none to be had."""
    try:
        with DIRECT.open(url, timeout=2) as response:
            body: bytes = response.read()
            return body.decode()
    except (URLError, OSError):
        return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
