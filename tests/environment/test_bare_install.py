"""What `pip install meshio-proxyless` alone is good for: everything but the adapters' own libraries."""

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = "import sys; sys.modules.update(dict.fromkeys(('httpx', 'aiohttp', 'uvloop', 'fastapi'))); "
MESH = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web.example]
  http: [{directResponse: {status: 200, body: {string: hello}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web, namespace: default}
spec:
  hosts: [web.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
"""
NATIVE = """
import asyncio, meshio

async def main():
    async with meshio.Mesh.from_env() as mesh:
        print((await mesh.get("http://web.example/")).text)

asyncio.run(main())
"""


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "mesh.yaml").write_text(MESH)
    environ = {"MESHIO_CONFIG": str(folder), "PATH": ""}
    return subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, env=environ)


def test_the_native_client_needs_nothing_more(tmp_path: Path) -> None:
    done = python(f"exec({NATIVE!r})", tmp_path)
    assert (done.stdout, done.stderr) == ("hello\n", "")


@pytest.mark.parametrize(
    "command", [["get", "-s", "http://web.example/"], ["check"], ["explain", "web.example"], ["dump"]]
)
def test_nor_does_the_command_line(command: list[str], tmp_path: Path) -> None:
    done = python(f"from meshio.cli.main import main; main({command!r})", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_an_adapter_names_the_library_that_it_is_for(tmp_path: Path) -> None:
    done = python("import meshio; meshio.MeshTransport", tmp_path)
    assert "ModuleNotFoundError: import of httpx" in done.stderr
