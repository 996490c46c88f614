"""Processes of the demo: started together, waited for, killed one at a time, all gone at the end."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
DISCOVERY = "127.0.0.1:15010"
CONTROL_PLANE = {"control plane": ("-m", "meshio", "controlplane", "{mesh}", "--listen", DISCOVERY)}
SERVICES = {
    "ratings": ("services.py", "ratings", "19005"),
    "reviews-v1": ("services.py", "reviews", "19001", "v1"),
    "reviews-v2-a": ("services.py", "reviews", "19002", "v2"),
    "reviews-v2-b": ("services.py", "reviews", "19003", "v2"),
    "reviews-v3": ("services.py", "reviews", "19004", "v3"),
    "productpage": ("services.py", "productpage", "19000"),
}
PORTS = {"control plane": 15010, **{name: int(command[2]) for name, command in SERVICES.items()}}


class Fleet:
    """`async with Fleet(mesh_folder, log_folder)`: every process is up inside, and gone outside."""

    def __init__(self, mesh: Path, logs: Path) -> None:
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self._mesh = mesh
        self._logs = logs
        self._environ = {**os.environ, "MESHIO_DISCOVERY_ADDRESS": DISCOVERY}

    async def __aenter__(self) -> "Fleet":
        try:
            await self.start(CONTROL_PLANE)
            await self.start(SERVICES)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def start(self, commands: Mapping[str, tuple[str, ...]]) -> None:
        """Start processes and wait until each accepts connections."""
        for name, command in commands.items():
            words = [word.format(mesh=self._mesh) for word in command]
            with (self._logs / f"{name.replace(' ', '-')}.log").open("wb") as log:
                self.processes[name] = await asyncio.create_subprocess_exec(
                    sys.executable, *words, cwd=HERE, env=self._environ, stdout=log, stderr=log
                )
        for name in commands:
            await self._listening(name, PORTS[name])

    async def _listening(self, name: str, port: int) -> None:
        """Wait until it accepts connections; a process that ends instead is an error with its last words."""
        for _ in range(300):
            if self.processes[name].returncode is not None:
                log = (self._logs / f"{name.replace(' ', '-')}.log").read_text()
                raise RuntimeError(f"{name} ended with {self.processes[name].returncode}:\n{log[-2000:]}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return
        raise RuntimeError(f"{name} does not listen on port {port} after 15 s")

    async def kill(self, name: str) -> None:
        """SIGKILL, as when a machine dies."""
        self.processes[name].send_signal(signal.SIGKILL)
        await self.processes[name].wait()

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                process.terminate()
        for process in self.processes.values():
            try:
                await asyncio.wait_for(process.wait(), 3)
            except TimeoutError:
                process.kill()
                await process.wait()
