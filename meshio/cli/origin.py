"""`--config DIR`, `--xds HOST:PORT` or the environment: the options of every command that needs a mesh."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import click

from meshio.environment.sources import CONFIG
from meshio.xds.bootstrap import ADDRESS

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a command reads its configuration from. The options are the environment's first two, written shorter."""

    config: str | None = None
    xds: str | None = None

    def environ(self) -> Mapping[str, str]:
        """The environment as these options change it. Raises UsageError when both are given."""
        if self.config is not None and self.xds is not None:
            raise click.UsageError("--config and --xds exclude each other: give one of them.")
        if self.config is not None:
            return {**os.environ, CONFIG: self.config}
        if self.xds is not None:
            return {**{name: value for name, value in os.environ.items() if name != CONFIG}, ADDRESS: self.xds}
        return os.environ

    def directory(self, argument: str | None) -> str:
        """The folder that a command works on which reads YAML and nothing else. Raises UsageError without one."""
        found = argument or self.config or os.environ.get(CONFIG)
        if not found:
            raise click.UsageError(f"Which folder? Give DIR, --config DIR, or set {CONFIG}.")
        if not os.path.isdir(found):
            raise click.UsageError(f"{found!r} is not a folder.")
        return found


config_option = click.option(
    "--config", metavar="DIR", help=f"Folder of Istio YAML; no network is used.  [env: {CONFIG}]"
)
xds_option = click.option("--xds", metavar="HOST:PORT", help=f"Control plane to ask, plaintext ADS.  [env: {ADDRESS}]")
ready_option = click.option(
    "--ready-timeout", metavar="SECONDS", type=float, default=10.0, show_default=True,
    help="How long to wait for the configuration.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def mesh_options(command: Callable[P, T]) -> Callable[P, T]:
    """--config, --xds, --ready-timeout and --json."""
    for option in (json_option, ready_option, xds_option, config_option):
        command = option(command)
    return command
