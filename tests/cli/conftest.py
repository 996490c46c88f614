"""A small mesh as a folder, and a real service in it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshio.cli.main import main

MESH = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: echo, namespace: default}}
spec:
  hosts: [echo.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints:
  - {{address: 127.0.0.1, ports: {{http: {port}}}, labels: {{version: v1}}}}
  - {{address: 127.0.0.1, ports: {{http: 1}}, labels: {{version: broken}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: echo, namespace: default}}
spec:
  host: echo
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: broken, labels: {{version: broken}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: echo, namespace: default}}
spec:
  hosts: [echo]
  http:
  - name: broken
    match: [{{uri: {{prefix: /broken}}}}]
    route: [{{destination: {{host: echo, subset: broken}}}}]
    retries: {{attempts: 0}}
  - name: everything
    route: [{{destination: {{host: echo, subset: v1}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: nobody, namespace: default}}
spec:
  hosts: [nobody.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  workloadSelector: {{labels: {{app: nobody}}}}
"""


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        told = f"{self.command} {self.path} {self.headers['host']} {self.headers.get('x-user', '-')} ".encode() + body
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(told)

    do_POST = do_PUT = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture(scope="session")
def echo_port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def mesh(echo_port: int, tmp_path: Path) -> Path:
    """A folder of Istio YAML; `echo` lives behind it."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "echo.yaml").write_text(MESH.format(port=echo_port))
    return folder


@dataclass(frozen=True)
class Meshio:
    """The command, as a function."""

    runner: CliRunner

    def __call__(self, *arguments: object, code: int = 0, **options: str) -> Result:
        result = self.runner.invoke(main, [str(each) for each in arguments], **options)  # type: ignore[arg-type]
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def meshio(monkeypatch: pytest.MonkeyPatch) -> Meshio:
    for name in ("MESHIO_CONFIG", "MESHIO_DISCOVERY_ADDRESS", "GRPC_XDS_BOOTSTRAP", "PROXY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return Meshio(CliRunner())
