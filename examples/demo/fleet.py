"""Processes of the demo: started together, waited for, killed one at a time, all gone at the end."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 45.0  # seconds until a process has to accept connections; seven interpreters start at once
CONTROL_PLANE = "control plane"
PORTS = {  # as the YAML in mesh/ has them; each run replaces them with free ones
    CONTROL_PLANE: 15010,
    "productpage": 19000,
    "reviews-v1": 19001,
    "reviews-v2-a": 19002,
    "reviews-v2-b": 19003,
    "reviews-v3": 19004,
    "ratings": 19005,
}


class NotStarted(Exception):
    """A process ended, or does not accept connections."""


class Fleet:
    """The control plane and the services; their files are in `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.mesh = scratch / "mesh"
        self._scratch = scratch
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))

    @property
    def discovery(self) -> str:
        """Where the control plane listens."""
        return f"127.0.0.1:{self._ports[CONTROL_PLANE]}"

    async def start_all(self) -> None:
        """Everything is up when this returns. Raises NotStarted."""
        self._write_mesh()
        await self._start([CONTROL_PLANE])
        await self._start(name for name in PORTS if name != CONTROL_PLANE)

    async def revive(self) -> None:
        """Start again what was killed."""
        await self._start(name for name, process in self.processes.items() if process.returncode is not None)

    async def kill(self, name: str) -> None:
        """SIGKILL, as when a machine dies."""
        self.processes[name].send_signal(signal.SIGKILL)
        await self.processes[name].wait()

    async def end(self) -> None:
        """End every process."""
        for process in self.processes.values():
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
        for process in self.processes.values():
            try:
                await asyncio.wait_for(process.wait(), 3)
            except TimeoutError:
                process.kill()
                await process.wait()

    def last_words(self, most: int = 8) -> dict[str, list[str]]:
        """The ends of the logs that are not empty."""
        said = {name: self._log(name).read_text(errors="replace").splitlines() for name in self.processes}
        return {name: lines[-most:] for name, lines in said.items() if lines}

    def _write_mesh(self) -> None:
        """A copy of mesh/ for the steps to edit, with the ports of this run."""
        self.mesh.mkdir()
        for file in (HERE / "mesh").iterdir():
            text = file.read_text()
            for name, usual in PORTS.items():
                text = text.replace(f"http: {usual}}}", f"http: {self._ports[name]}}}")
            (self.mesh / file.name).write_text(text)

    async def _start(self, names: Iterable[str]) -> None:
        names = list(names)
        for name in names:
            with self._log(name).open("wb") as log:
                self.processes[name] = await asyncio.create_subprocess_exec(
                    sys.executable, *self._command(name), cwd=HERE, stdout=log, stderr=log,
                    env={**os.environ, "MESHIO_DISCOVERY_ADDRESS": self.discovery},
                )  # fmt: skip
        for name in names:
            try:
                await asyncio.wait_for(self._listening(name), PATIENCE)
            except TimeoutError:
                raise NotStarted(f"{name} does not accept connections after {PATIENCE:g} s") from None

    def _command(self, name: str) -> tuple[str, ...]:
        if name == CONTROL_PLANE:
            return "-m", "meshio", "controlplane", str(self.mesh), "--listen", self.discovery
        service, _, version = name.partition("-")
        return "services.py", service, str(self._ports[name]), version[:2] or "v1"

    def _log(self, name: str) -> Path:
        return self._scratch / f"{name.replace(' ', '-')}.log"

    async def _listening(self, name: str) -> None:
        while self.processes[name].returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._ports[name])
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return
        raise NotStarted(f"{name} ended with {self.processes[name].returncode}")


def free_ports(count: int) -> list[int]:
    """Ports below the range that outgoing connections use; at random, so that two demos do not meet."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise NotStarted(f"no {count} free ports on 127.0.0.1")
