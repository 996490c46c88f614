"""`make demo`: three services, a control plane, and what a mesh is for, each step checked.

KEEP=1 leaves it running afterwards and says what to try; RECORD=FILE.svg keeps a picture of what was shown. The exit
code is 0 when every step showed what it is for.
"""

import asyncio
import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import httpx
import uvloop
from fleet import Fleet, NotStarted
from load import Tally
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from steps import STEPS, Failed, Stage

import meshio

RECORD = os.environ.get("RECORD")
KEEP = os.environ.get("KEEP")
INTERRUPTED = 130
console = Console(record=bool(RECORD), width=96 if RECORD else None, highlight=False)


async def main() -> int:
    """The exit code."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="meshio-demo-") as scratch:
        good = await play(Fleet(Path(scratch)))
    if RECORD:
        console.save_svg(RECORD, title="make demo")
    return 0 if good else 1


async def play(fleet: Fleet) -> bool:
    """Start everything, show every step, end everything; True when all went well."""
    console.print("[bold]meshio demo[/]: a mesh of six processes and a control plane on this machine, no sidecar")
    try:
        with console.status("starting productpage (FastAPI), reviews v1 v2 v2 v3 (aiohttp), ratings (aiohttp)"):
            await fleet.start_all()
        async with meshio.Mesh.from_env({"MESHIO_DISCOVERY_ADDRESS": fleet.discovery}) as mesh:
            good = await show(Stage(mesh, fleet))
            if good and KEEP:
                await keep(fleet)
    except (NotStarted, meshio.MeshError) as error:
        tell_failure("start", error, fleet)
        return False
    finally:
        await fleet.end()
    return good


async def show(stage: Stage) -> bool:
    """Run every step; print what came of each, and the closing table."""
    tallies: dict[str, Tally] = {}
    for name, step in STEPS.items():
        began = time.perf_counter()
        try:
            with console.status(name):
                text, tallies[name] = await step(stage)
        except (Failed, meshio.MeshError, httpx.HTTPError, TimeoutError) as error:
            tell_failure(name, error, stage.fleet)
            return False
        console.print(f"[green]✓[/] [bold]{name}[/]  [dim]{time.perf_counter() - began:.1f} s[/]")
        console.print(f"  {escape(text)}")
    console.print(closing(tallies))
    return True


def tell_failure(name: str, error: Exception, fleet: Fleet) -> None:
    """What went wrong, and the last words of every process that said something."""
    console.print(f"[red]✗[/] [bold]{name}[/]: {escape(str(error) or type(error).__name__)}")
    for process, lines in fleet.last_words().items():
        console.print(f"  [bold]{process}[/] said last:")
        for line in lines:
            console.print(f"    {escape(line)}")


def closing(tallies: dict[str, Tally]) -> Table:
    table = Table("step", title="what the requests came to", title_justify="left")
    for column in ("requests", "errors", "retried", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    total = Tally()
    for name, tally in tallies.items():
        table.add_row(name, *cells(tally))
        total.add(tally)
    table.add_section()
    table.add_row("all", *cells(total))
    return table


def cells(tally: Tally) -> tuple[str, ...]:
    slow, slower = tally.percentile(0.5), tally.percentile(0.99)
    return f"{tally.requests:,}", str(tally.failed), str(tally.retried), f"{slow:.2f}", f"{slower:.2f}"


async def keep(fleet: Fleet) -> None:
    """What the steps killed comes back, and everything stays until Ctrl-C."""
    await fleet.revive()
    console.print(
        f"""
[bold]Still running.[/] In another terminal:

  .venv/bin/meshio get --xds {fleet.discovery} http://reviews:9080/reviews/1
  .venv/bin/meshio explain --xds {fleet.discovery} -H 'x-user: ann' http://reviews:9080/reviews/1
  .venv/bin/meshio dump endpoints --xds {fleet.discovery}

Or edit the routes, and ask again: {fleet.mesh}/reviews.yaml

Ctrl-C ends it.""",
        soft_wrap=True,
    )
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:  # Ctrl-C or SIGTERM: the expected end
        console.print("ending")


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    try:
        sys.exit(uvloop.run(main()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(INTERRUPTED)
