"""Peers are real programs in .venv/peers, put there by `make interop`; a test without its peer says so."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PEERS = Path(__file__).parents[2] / ".venv" / "peers"
REQUIRED = "MESHIO_INTEROP"  # set by `make interop`: a skipped test is a failure

Peer = Callable[[str], Path]


@pytest.fixture(scope="session")
def peer() -> Peer:
    """`peer("istiod")`: the program; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = PEERS / name
        if not path.exists():
            pytest.skip(f"needs {name}, which `make interop` provides")
        return path

    return find


class Strict:
    """Nothing may be skipped when the peers are meant to be there."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name in self.skipped:
            terminalreporter.write_line(f"interop test without its peer: {name}")


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get(REQUIRED):
        config.pluginmanager.register(Strict())
