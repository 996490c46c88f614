"""`meshio controlplane`: the development control plane."""

import asyncio
import logging
import signal

import click

from meshio.cli.origin import Origin, config_option
from meshio.environment.run import run

LISTEN = "127.0.0.1:15010"  # the port of istiod's plaintext ADS


@click.command()
@click.argument("directory", metavar="[DIR]", required=False)
@click.option("--listen", default=LISTEN, show_default=True, metavar="HOST:PORT", help="Port 0 takes a free one.")
@config_option
def controlplane(*, directory: str | None, listen: str, config: str | None) -> None:
    """Serve the Istio YAML in DIR as istiod would: xDS over plaintext gRPC, state of the world and delta.

    Files that change are in service at once. Who is connected, who refuses what, and what is wrong with the files goes
    to the log on stderr. Ctrl-C ends it.

    \b
    Examples:
      meshio controlplane ./mesh
      meshio controlplane ./mesh --listen 0.0.0.0:15010
      MESHIO_DISCOVERY_ADDRESS=localhost:15010 python app.py
    """
    folder = Origin(config).directory(directory)
    logger = logging.getLogger("meshio")
    logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))
    try:
        run(serve(folder, *host_and_port(listen)))
    except KeyboardInterrupt:
        logger.info("stopped")


async def serve(folder: str, host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM, which ends it in the same orderly way.

    SIGTERM cancels the task itself: a script's background job is started with SIGINT ignored.
    """
    from meshio.controlplane.serve import serve_directory

    serving = asyncio.ensure_future(
        serve_directory(folder, host, port, listening=lambda bound: click.echo(f"listening on {host}:{bound}"))
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        if not serving.cancelled():
            raise
        logging.getLogger("meshio").info("stopped")


def host_and_port(listen: str) -> tuple[str, int]:
    """`HOST:PORT`; an IPv6 address stands in brackets. Raises UsageError."""
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise click.UsageError(f"--listen {listen!r} is not HOST:PORT, as in {LISTEN}.")
    return host.strip("[]"), int(port)
