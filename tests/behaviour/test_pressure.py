"""Peers that do not read, callers that do not, and a process without descriptors: memory stays small, and it passes."""

import asyncio
import json
import sys
import tracemalloc
from contextlib import contextmanager

import pytest

from tests.behaviour.test_faults import NO_RETRY, counted_out
from tests.behaviour.world import OK, Upstream, answering, entry, mesh_of, until

MIB = 1 << 20
ROUND = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@contextmanager
def within(mib):
    """At no time more Python memory than this beyond what there was."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert grown < mib * MIB, f"{grown / MIB:.1f} MiB"


class Deaf:
    """Reads the head of a request and nothing more, until it is told to."""

    def __init__(self):
        self.listens = asyncio.Event()
        self.heard = 0

    async def talk(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await self.listens.wait()
        while chunk := await reader.read(65536):
            self.heard += len(chunk)


async def chunks(block, sent):
    while True:
        sent.append(len(block))
        yield block


def test_an_upstream_that_does_not_read_stops_the_upload_and_cancelling_ends_it(run, tmp_path):
    async def scenario():
        deaf = Deaf()
        up = Upstream(deaf.talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            sent = []
            body = chunks(bytes(65536), sent)
            with within(8):
                call = asyncio.create_task(mesh.post("http://web/", content=body))
                await until(lambda: len(sent) > 5)
                await rest(sent)
            assert sum(sent) < 32 * MIB  # what fits into the sockets' buffers
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: not mesh.pools.counters.open)
            deaf.listens.set()
            with pytest.raises(StopAsyncIteration):
                await anext(body)  # was closed

    run(scenario())


async def rest(growing):
    """Return when a list does not grow any more."""
    before = -1
    while len(growing) != before:
        before = len(growing)
        await asyncio.sleep(0.1)


def test_a_large_body_of_bytes_is_not_copied_while_it_waits(run, tmp_path):
    async def scenario():
        deaf = Deaf()
        up = Upstream(deaf.talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            body = bytes(64 * MIB)
            with within(16):
                call = asyncio.create_task(mesh.post("http://web/", content=body))
                await until(lambda: up.open)
                await asyncio.sleep(0.1)
                deaf.listens.set()
                await until(lambda: deaf.heard >= len(body))
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    run(scenario())


@pytest.mark.parametrize("size", [3, 1000, 200_000])
def test_a_flood_waits_for_a_slow_reader(size, run, tmp_path):
    sent = []
    chunk = b"%x\r\n%b\r\n" % (size, bytes(size))
    block = chunk * max(1, 65536 // len(chunk))

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ROUND)
        while True:
            writer.write(block)
            sent.append(len(block))
            await writer.drain()

    async def scenario():
        up = Upstream(talk)
        async with up.listening(), mesh_of(tmp_path, entry(up.port), NO_RETRY) as mesh:
            with within(24):
                async with mesh.stream("GET", "http://web/") as reply:
                    chunks = reply.stream()
                    for _ in range(3):
                        assert await anext(chunks)
                        await rest(sent)
                    assert sum(sent) < 32 * MIB
                    held = len(sent)
                    for _ in range(20 * MIB // size if size > 1000 else 20_000):  # reading on lets it flow
                        await anext(chunks)
                    if size > 1000:
                        assert len(sent) > held
                    await chunks.aclose()
            await until(lambda: counted_out(mesh, up))

    run(scenario())


EXHAUSTED = """
import asyncio, json, os, resource, sys
import meshio

async def main(folder):
    async with meshio.Mesh.from_env({"MESHIO_CONFIG": folder}) as mesh:
        soft = len(os.listdir("/proc/self/fd")) + 20
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
        taken = []
        try:
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        for _ in range(3):
            tell(await mesh.get("http://web/"))
        await asyncio.sleep(0.5)  # the folder is looked at meanwhile
        for _ in range(3):
            os.close(taken.pop())
        tell(await mesh.get("http://web/"))
        tell(await mesh.get("http://web/"))
        for each in taken:
            os.close(each)
        with open(folder + "/mesh.yaml", "a") as file:
            file.write("# more" + chr(10))
            file.write(EXTRA)
        async with asyncio.timeout(10):
            while (await mesh.get("http://other/")).status != 200:
                await asyncio.sleep(0.05)
        tell(await mesh.get("http://other/"))

def tell(reply):
    print(json.dumps([reply.status, reply.mesh.flags, reply.mesh.details]), flush=True)

EXTRA = sys.argv[2]
if sys.argv[3] == "uvloop":
    import uvloop
    asyncio.run(main(sys.argv[1]), loop_factory=uvloop.new_event_loop) if sys.version_info >= (3, 12) else uvloop.run(
        main(sys.argv[1]))
else:
    asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_without_descriptors_requests_are_told_so_and_with_them_everything_goes_on(loop, tmp_path):
    async def scenario():
        async with Upstream(answering(OK)).listening() as up:
            (tmp_path / "mesh.yaml").write_text("---".join([entry(up.port), NO_RETRY]))
            extra = "---" + entry(up.port).replace("web", "other")
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", EXHAUSTED, str(tmp_path), extra, loop),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await asyncio.wait_for(child.communicate(), 30)
            assert child.returncode == 0, err.decode()
            told = [json.loads(line) for line in out.splitlines()]
            for status, flags, details in told[:3]:
                assert (status, flags) == (503, ["UF"])
                assert "Too_many_open_files" in details
            assert [each[:2] for each in told[3:]] == [[200, []]] * 3
            assert "Traceback" not in err.decode()

    asyncio.run(scenario(), debug=True)
