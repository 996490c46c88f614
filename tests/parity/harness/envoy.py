"""A case through a real Envoy, which takes one world after the other from a control plane of ours."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from harness.case import Ask, Case, Json
from harness.drive import drive
from harness.outcome import Answer, Exchange, outcome, refused
from harness.plane import Plane
from harness.shorthand import LOCAL, Place, local_cluster
from harness.upstream import read_message, serving
from harness.world import World, tries_of, world_of
from meshio.testing.control_plane import ControlPlane

PATIENCE = 10.0  # seconds
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
RUNTIME = {"re2.max_program_size.error_level": 32768}  # as in Istio's bootstrap
ARGUMENTS = ("--concurrency", "1", "--use-dynamic-base-id", "-l", "warn", "--file-flush-interval-msec", "4",
             "--drain-time-s", "1", "--drain-strategy", "immediate")  # fmt: skip


class Envoy:
    """One process, one case at a time."""

    def __init__(self, plane: Plane, log: Path, process: asyncio.subprocess.Process) -> None:
        self.plane = plane
        self.process = process
        self._log = log
        self._lines = log.open()
        self._worlds = 0
        self._unread: list[list[str]] = []

    def world(self, case: Case) -> World:
        """With names of its own: Envoy may still drain what it had under the last ones."""
        self._worlds += 1
        return world_of(case, str(self._log), f"-{self._worlds}")

    async def run(self, case: Case, world: World | None = None) -> Json:
        place = Place(case)
        self._lines.read()
        async with serving(case) as seen:
            try:
                if kinds := await asyncio.wait_for(self.plane.push(world or self.world(case)), PATIENCE):
                    return refused(kinds)
                await until_listening(place.front)
                exchanges = await drive(case, lambda ask: ask_at(place.front, ask), seen, lambda: self.change(case))
                await self.annotate(exchanges)
                if case.compare == "gaps":
                    self.time(exchanges)
                return outcome(case, exchanges)
            finally:
                await asyncio.wait_for(self.plane.clear(), PATIENCE)

    async def change(self, case: Case) -> None:
        """Tell it what the case says of later."""
        world = world_of(case.then, str(self._log), f"-{self._worlds}")
        if kinds := await asyncio.wait_for(self.plane.push(world), PATIENCE):
            raise ValueError(f"{case}: what it says of later is refused: {kinds}")

    async def annotate(self, exchanges: list[list[Exchange]]) -> None:
        """Replace the client's port by what Envoy logged of its request, a few milliseconds after its end."""
        answers = [answer for ask in exchanges for exchange in ask for answer in exchange.answers]
        told: dict[str, str] = {}
        for _ in range(200):
            lines = (line.partition(" ") for line in self._lines.read().splitlines())
            told.update((port, note) for port, _, note in lines if not note.endswith(" internal_redirect"))
            if told.keys() >= {answer.note for answer in answers}:
                break
            await asyncio.sleep(0.004)
        for answer in answers:
            answer.note = told.get(answer.note, "nothing logged")

    def time(self, exchanges: list[list[Exchange]]) -> None:
        """Replace when tries were seen by when Envoy made them, by its own clock: how long they took does not count."""
        tries: dict[str, list[tuple[float, float]]] = {}
        for line in Path(tries_of(str(self._log))).read_text().splitlines():
            request, began, microseconds, milliseconds = line.split(" ")
            took = float(milliseconds) / 1e3 if microseconds == "-" else float(microseconds) / 1e6
            tries.setdefault(request, []).append((float(began), took))
        for exchange in (each for ask in exchanges for each in ask):
            left = {request: sorted(told) for request, told in tries.items()}
            spent = dict.fromkeys(left, 0.0)
            for seen in exchange.seen:
                began, took = left[seen.request].pop(0)
                seen.at = began - spent[seen.request]
                spent[seen.request] += took

    def close(self) -> None:
        self._lines.close()


async def until_listening(front: tuple[str, int]) -> None:
    for _ in range(1000):
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection(*front)
            writer.close()
            return
        await asyncio.sleep(0.003)
    raise TimeoutError(f"Envoy does not listen at {front}")


async def ask_at(front: tuple[str, int], ask: Ask) -> Answer:
    """The answer, with the client's port as its note."""
    reader, writer = await asyncio.open_connection(*front)
    port = str(writer.get_extra_info("sockname")[1])
    head: list[bytes] = []
    try:
        writer.write(request_bytes(ask))
        return answer_of(await final_message(reader, ask.method == "HEAD", head), port)
    except (asyncio.IncompleteReadError, ConnectionError):
        return answer_of(b"".join(head), port, broken=True)
    finally:
        writer.close()


async def final_message(reader: asyncio.StreamReader, bodiless: bool, came: list[bytes]) -> bytes:
    """The response after those that only inform."""
    while (raw := await read_message(reader, bodiless, came)).startswith((b"HTTP/1.1 100", b"HTTP/1.1 103")):
        came.clear()
    return raw


def request_bytes(ask: Ask) -> bytes:
    lines = [f"{ask.method} {ask.path} HTTP/1.1", f"host: {ask.host}"]
    lines += [f"{name}: {value}" for name, value in ask.headers]
    body = ask.body.encode("latin-1")
    if ask.chunked:
        lines.append("transfer-encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif body:
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def answer_of(raw: bytes, note: str, broken: bool = False) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return Answer(0, [], "", broken=True, note=note)
    headers = [(name.lower(), value.strip(" ")) for name, _, value in (line.partition(":") for line in lines)]
    return Answer(int(first.split(" ")[1]), headers, "" if broken else body.decode("latin-1"), broken, note)


def binary() -> str:
    return shutil.which("envoy") or str(Path(sys.executable).parent / "envoy")


def version() -> str:
    told = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout
    return told.split("version:")[1].split("/")[1]


def bootstrap(port: int, case: Case | None = None) -> Json:
    h2 = {"@type": f"type.googleapis.com/{HTTP_OPTIONS}", "explicit_http_config": {"http2_protocol_options": {}}}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    control = {
        "name": "xds",
        "load_assignment": {
            "cluster_name": "xds",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {HTTP_OPTIONS: h2},
    }
    ads = {"ads": {}, "resource_api_version": "V3"}
    clusters, local = [control], local_cluster(case, Place(case)) if case is not None else None
    node, zones = {"id": "parity", "cluster": "parity"}, {}
    if case is not None and case.local is not None and local is not None:
        clusters.append({**local, "connect_timeout": "5s"})
        node["locality"] = case.local.get("locality", {})
        zones = {"cluster_manager": {"local_cluster_name": LOCAL}}
    services = [{"envoy_grpc": {"cluster_name": "xds"}}]
    return {
        "node": node,
        **zones,
        "dynamic_resources": {
            "lds_config": ads,
            "cds_config": ads,
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": services},
        },
        "static_resources": {"clusters": clusters},
        "layered_runtime": {"layers": [{"name": "istio", "static_layer": RUNTIME}]},
    }


@asynccontextmanager
async def running(folder: Path, case: Case | None = None) -> AsyncIterator[Envoy]:
    """An Envoy that waits for worlds; or for one case, which has a local cluster. Fails with the end of its output."""
    log = folder / "access.log"
    log.touch()
    async with ControlPlane(incremental=False) as control:
        (folder / "envoy.json").write_text(json.dumps(bootstrap(control.port, case)))
        with (folder / "envoy.log").open("wb") as output:
            command = [binary(), "-c", str(folder / "envoy.json"), *ARGUMENTS]
            process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
        try:
            stream = await asyncio.wait_for(control.accept(), PATIENCE)
            async with Plane(stream) as plane:
                await asyncio.wait_for(plane.begin(), PATIENCE)
                envoy = Envoy(plane, log, process)
                yield envoy
                envoy.close()
        except TimeoutError as error:
            raise RuntimeError((folder / "envoy.log").read_text()[-3000:]) from error
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
