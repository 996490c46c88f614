"""`meshio.run`: uvloop where it is installed, asyncio's own loop where it is not."""

import asyncio
import subprocess
import sys

import pytest
import uvloop

import meshio


async def whereabouts() -> tuple[type, bool]:
    loop = asyncio.get_running_loop()
    return type(loop), loop.get_debug()


@pytest.mark.parametrize("debug", [True, False])
def test_uvloop_is_used_where_it_is_installed(debug):
    assert meshio.run(whereabouts(), debug=debug) == (uvloop.Loop, debug)


def test_asyncios_own_loop_is_used_where_it_is_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setattr("meshio.environment.run.find_spec", lambda name: None)
    kind, _ = meshio.run(whereabouts())
    assert issubclass(kind, asyncio.BaseEventLoop)


def test_what_the_program_raises_comes_out():
    async def main():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        meshio.run(main())


def test_there_is_one_loop_per_thread():
    async def main():
        meshio.run(whereabouts())

    with pytest.raises(RuntimeError, match="await the coroutine instead"):
        meshio.run(main())


def test_it_brings_nothing_along():
    loaded = "import meshio, sys; meshio.run; print({'uvloop', 'httpx', 'aiohttp', 'betterproto2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "set()\n"
