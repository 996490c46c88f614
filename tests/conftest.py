"""What every test is held to: the same input each time, and nothing left open behind it."""

import asyncio
import os
import threading
from asyncio import runners
from collections.abc import Generator, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

INTEROP = "MESHIO_INTEROP"  # set by `make interop`: every peer is there, so a skipped test is a failure
BROKEN = pytest.StashKey[bool]()
DESCRIPTORS = Path("/proc/self/fd")


def open_sockets() -> set[str]:
    """The sockets of this process, by the kernel's name for them; empty where there is no /proc."""
    found = set()
    for name in os.listdir(DESCRIPTORS) if DESCRIPTORS.exists() else ():
        try:
            target = os.readlink(DESCRIPTORS / name)
        except FileNotFoundError:  # the listing's own descriptor
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def other_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.daemon}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[BROKEN] = item.stash.get(BROKEN, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def nothing_is_left_open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that passed but leaves a socket, a thread or a task behind.

    `asyncio.run` cancels leftover tasks without a word, so they are counted just before it does.
    """
    tasks: list[str] = []
    cancel_all = runners._cancel_all_tasks  # type: ignore[attr-defined]

    def count_and_cancel(loop: asyncio.AbstractEventLoop) -> None:
        tasks.extend(repr(task) for task in asyncio.all_tasks(loop) if not task.cancelling())
        cancel_all(loop)

    monkeypatch.setattr(runners, "_cancel_all_tasks", count_and_cancel)
    sockets, threads = open_sockets(), other_threads()
    yield
    if request.node.stash.get(BROKEN, False):
        return  # what it left behind follows from how it failed
    patience = monotonic() + 1.0
    while (other_threads() - threads or open_sockets() - sockets) and monotonic() < patience:
        sleep(0.005)  # a thread that was told to stop, or a peer that was left, may still be on its way out
    assert not tasks, f"tasks left running: {tasks}"
    assert not (left := other_threads() - threads), f"threads left running: {left}"
    assert not (left := open_sockets() - sockets), f"{len(left)} sockets left open"


class Strict:
    """A test that is skipped fails the run, and is named."""

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
            terminalreporter.write_line(f"skipped, though `make interop` provides its peer: {name}")


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get(INTEROP):
        config.pluginmanager.register(Strict())
