"""The `meshio` command: one file for each word, listed here."""

import logging

import click

import meshio.cli.check
import meshio.cli.controlplane
import meshio.cli.dump
import meshio.cli.explain
import meshio.cli.get
from meshio.errors import BadRequest, ConfigError, MeshError

COMMANDS: dict[str, click.Command] = {
    "check": meshio.cli.check.check,
    "controlplane": meshio.cli.controlplane.controlplane,
    "dump": meshio.cli.dump.dump,
    "explain": meshio.cli.explain.explain,
    "get": meshio.cli.get.get,
}
VERBOSE = [logging.WARNING, logging.INFO, logging.DEBUG]


class Commands(click.Group):
    """Exit codes: 0 all is well, 1 a problem was found, 2 the command was used in a wrong way."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (BadRequest, ConfigError) as error:
            raise click.UsageError(str(error)) from error
        except MeshError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="meshio-proxyless", prog_name="meshio")
@click.option("-l", "--log", count=True, help="Log to stderr what meshio does; twice: every detail.")
def main(*, log: int) -> None:
    """The service mesh inside your asyncio process: look at it, try it, serve it.

    Where the configuration comes from: --config DIR (Istio YAML), --xds HOST:PORT (a control plane), or the
    environment: MESHIO_CONFIG, MESHIO_DISCOVERY_ADDRESS, GRPC_XDS_BOOTSTRAP, GRPC_XDS_BOOTSTRAP_CONFIG, or what an
    Istio pod has anyway.

    Exit codes: 0 all is well, 1 a problem was found, 2 wrong use.
    """
    logging.basicConfig(level=VERBOSE[min(log, 2)], format="%(asctime)s %(levelname)s %(name)s: %(message)s")
