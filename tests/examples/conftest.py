"""The gateway example under uvicorn, on both loops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
import uvloop

from tests.behaviour.world import entry, idle, until
from tests.examples.gateway_site import Site

EXAMPLE = Path(__file__).parents[2] / "examples" / "gateway"


@pytest.fixture
def gateway(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setenv("MESHIO_CONFIG", str(tmp_path))
    from gateway import Gateway
    from hop import Hosts

    @asynccontextmanager
    async def running(*ports: int, hosts: str = "") -> AsyncIterator[Site]:
        (tmp_path / "mesh.yaml").write_text(entry(*ports))
        app = Gateway(Hosts.parse(hosts))
        config = uvicorn.Config(
            app, port=0, lifespan="on", http="httptools", ws="wsproto", log_level="critical",
            server_header=False, date_header=False, proxy_headers=False,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started or serving.done())
        try:
            yield Site(server.servers[0].sockets[0].getsockname()[1], app)
            await until(lambda: idle(app.mesh))
        finally:
            server.should_exit = True
            await serving

    return running


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    def run(main):
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(debug=True, loop_factory=factory) as runner:
            return runner.run(main)

    return run
