"""How results look: tables where a person reads along, tab-separated lines and JSON for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import TypeAlias

import click
import orjson

WIDEST = 10_000  # columns; a table takes what it needs, because half a name is of no use, and terminals wrap
Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def plain(value: object) -> Plain:
    """A value of the mesh as JSON can say it. A dataclass names its type under "type"."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if is_dataclass(value):
        content = {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        return {"type": type(value).__name__, **content}
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else "/".join(map(str, key)): plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return [plain(item) for item in sorted(value, key=str)]
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def show_json(value: object) -> None:
    click.echo(orjson.dumps(plain(value), option=orjson.OPT_INDENT_2).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, else tab-separated lines under a line of column names."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (columns, *cells):
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(*(column.replace("_", " ") for column in columns), header_style="bold", box=None, pad_edge=False)
    for row in cells:
        table.add_row(*row)
    console = Console(markup=False, highlight=False, width=WIDEST)
    console.width = Measurement.get(console, console.options, table).maximum
    console.print(table)
