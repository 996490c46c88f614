"""`meshio check`: what is wrong with a folder of YAML."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from meshio.cli.origin import Origin, config_option, json_option
from meshio.cli.show import show_json

if TYPE_CHECKING:
    from meshio.controlplane.problem import Problem

COLOURS = {"error": "red", "warning": "yellow"}


@click.command()
@click.argument("directory", metavar="[DIR]", required=False)
@config_option
@json_option
def check(*, directory: str | None, config: str | None, as_json: bool) -> None:
    """List every problem of the Istio YAML in DIR: file, line, field, and what would be right.

    The files are read as `meshio controlplane` reads them. What meshio does not support is an error here: it would be
    ignored in service. Exit code 1 when there is an error.

    \b
    Examples:
      meshio check ./mesh
      meshio check ./mesh --json | jq '.problems[].file'
    """
    from meshio.controlplane.audit import check as audited

    problems = audited(Origin(config).directory(directory))
    if as_json:
        show_json({"problems": problems})
    else:
        show_problems(problems)
    raise SystemExit(1 if any(problem.severity == "error" for problem in problems) else 0)


def show_problems(problems: Sequence["Problem"]) -> None:
    """One problem a paragraph, in the order of files and lines; then how many."""
    for problem in problems:
        place = click.style(f"{problem.file}:{problem.line}" if problem.line else problem.file, bold=True)
        severity = click.style(problem.severity, fg=COLOURS[problem.severity])
        field = f" {problem.field}:" if problem.field else ""
        click.echo(f"{place}: {severity}:{field} {problem.text}")
        if problem.suggestion:
            click.echo(f"    {problem.suggestion}")
    errors = sum(problem.severity == "error" for problem in problems)
    click.echo(f"{number(errors, 'error')}, {number(len(problems) - errors, 'warning')}")


def number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
