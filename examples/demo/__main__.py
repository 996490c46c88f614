"""`make demo`: three services, a control plane, and what a mesh is for, each step checked.

KEEP=1 leaves it running afterwards and says what to try; RECORD=FILE.svg keeps what was shown. The exit code is 0 when every step showed what it is for.
"""

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fleet import CONTROL_PLANE, DISCOVERY, HERE, SERVICES, Fleet
from load import Tally
from rich.console import Console
from rich.table import Table
from steps import STEPS, Failed, Stage

import meshio

RECORD = os.environ.get("RECORD")
console = Console(record=bool(RECORD), width=120 if RECORD else None)


async def main() -> int:
    with tempfile.TemporaryDirectory(prefix="meshio-demo-") as scratch:
        folder = Path(scratch) / "mesh"
        shutil.copytree(HERE / "mesh", folder)
        console.print(f"[bold]meshio demo[/]  control plane on {DISCOVERY}, configuration in {folder}")
        with console.status("starting productpage (FastAPI), reviews v1 v2 v2 v3 (aiohttp), ratings"):
            fleet = await Fleet(folder, Path(scratch)).__aenter__()
        try:
            async with meshio.Mesh.from_env({"MESHIO_DISCOVERY_ADDRESS": DISCOVERY}) as mesh:
                good = await show(Stage(mesh, fleet, folder))
                if good and os.environ.get("KEEP"):
                    await keep(fleet, folder)
        finally:
            await fleet.__aexit__()
    if RECORD:
        console.save_svg(RECORD, title="make demo")
    return 0 if good else 1


async def show(stage: Stage) -> bool:
    """Run every step; print a line for each and the closing table."""
    tallies: dict[str, Tally] = {}
    for name, step in STEPS.items():
        began = time.perf_counter()
        try:
            with console.status(name):
                text, tallies[name] = await step(stage)
        except Failed as error:
            console.print(f"[red]✗[/] [bold]{name}[/]: {error}")
            return False
        console.print(f"[green]✓[/] [bold]{name}[/]  {text}  [dim]{time.perf_counter() - began:.1f} s[/]")
    console.print(closing(tallies))
    return True


def closing(tallies: dict[str, Tally]) -> Table:
    table = Table("step", title="what the requests came to")
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


async def keep(fleet: Fleet, folder: Path) -> None:
    """The services stay, and what the steps killed comes back."""
    await fleet.start({**CONTROL_PLANE, "reviews-v2-a": SERVICES["reviews-v2-a"]})
    console.print(f"""
[bold]Still running.[/] In another terminal:

  .venv/bin/meshio get --xds {DISCOVERY} http://reviews:9080/reviews/1
  .venv/bin/meshio explain --xds {DISCOVERY} -H 'x-user: ann' http://reviews:9080/reviews/1
  .venv/bin/meshio dump clusters --xds {DISCOVERY}
  edit {folder}/reviews.yaml and ask again

Ctrl-C ends it.""")
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    try:
        sys.exit(asyncio.run(main()))
    except KeyboardInterrupt:
        sys.exit(0)
