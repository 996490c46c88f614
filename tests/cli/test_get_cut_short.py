"""`meshio get` that ends early: by the user, by who reads its output, by the upstream."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server, socket

ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: web, namespace: default}}
spec:
  hosts: [web.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {port}}}}}]
"""
# Without asyncio's debugging, which tells on stderr whenever the machine is slow.
USERS = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}


@contextmanager
def getting(folder: Path) -> Iterator[tuple[socket, "subprocess.Popen[bytes]"]]:
    """The connection that the request came on, and the process that waits for the answer."""
    with create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        (folder / "web.yaml").write_text(ENTRY.format(port=listening.getsockname()[1]))
        command = [sys.executable, "-m", "meshio", "get", "--config", str(folder), "http://web/"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=USERS) as process:
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(10)
                assert connection.recv(65536).startswith(b"GET / HTTP/1.1\r\n")
                yield connection, process


def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    with getting(tmp_path) as (connection, process):
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=10)
        assert (process.returncode, told) == (1, (b"", b"\nAborted!\n"))
        assert connection.recv(1) == b""


def test_a_body_that_breaks_off_is_a_failure_and_what_came_is_there(tmp_path: Path) -> None:
    with getting(tmp_path) as (connection, process):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort")
        connection.close()
        body, told = process.communicate(timeout=10)
        assert (process.returncode, body) == (1, b"short")
        assert b"in the middle of the body" in told
        assert b"Traceback" not in told


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    with getting(tmp_path) as (connection, process):
        assert process.stdout is not None
        assert process.stderr is not None
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert process.stdout.read(5) == b"first"
        process.stdout.close()
        connection.sendall(b"4\r\nmore\r\n0\r\n\r\n")
        assert process.wait(10) == 1
        assert b"Traceback" not in process.stderr.read()
