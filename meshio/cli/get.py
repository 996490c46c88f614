"""`meshio get`: one real request through the mesh."""

from base64 import b64encode
from dataclasses import dataclass
from typing import BinaryIO

import click
import orjson

from meshio.cli.curl import Ask, read_data, request_options
from meshio.cli.origin import Origin, mesh_options
from meshio.environment.mesh import Mesh
from meshio.environment.run import run
from meshio.message import Response


@dataclass(frozen=True, slots=True)
class Look:
    """What of the exchange is shown, and where."""

    output: BinaryIO
    include: bool = False
    verbose: bool = False
    silent: bool = False
    as_json: bool = False


@click.command()
@request_options
@click.option("-d", "--data", multiple=True, metavar="DATA", help="Body; implies POST. @FILE and @- read it.")
@click.option("--data-binary", multiple=True, metavar="DATA", help="The same, with line ends kept.")
@click.option("-i", "--include", is_flag=True, help="Print the response head, too.")
@click.option("-I", "--head", is_flag=True, help="Ask for the head only.")
@click.option("-o", "--output", type=click.File("wb"), default="-", help="Write the body to this file.")
@click.option("-v", "--verbose", is_flag=True, help="Explain the decision, on stderr.")
@click.option("-s", "--silent", is_flag=True, help="Do not print the decision on stderr.")
@mesh_options
def get(
    *,
    url: str,
    method: str | None,
    headers: tuple[str, ...],
    data: tuple[str, ...],
    data_binary: tuple[str, ...],
    include: bool,
    head: bool,
    output: BinaryIO,
    verbose: bool,
    silent: bool,
    config: str | None,
    xds: str | None,
    ready_timeout: float,
    as_json: bool,
) -> None:
    """Send one request through the mesh and print what comes back.

    The body goes to stdout as it came; the decision that was taken goes to stderr. Exit code 1 when the mesh itself
    had to answer: no route, no healthy host, a failed connection, a timeout, an injected fault.

    \b
    Examples:
      meshio get --config ./mesh http://reviews:9080/reviews/1
      meshio get --xds localhost:15010 -H 'x-user: ann' -i reviews:9080/reviews/1
      meshio get -d '{"stars": 5}' -H 'content-type: application/json' http://ratings:9080/ratings/1
    """
    body = read_data(data_binary, exact=True) if data_binary else read_data(data)
    ask = Ask(url, method, headers, body, head)
    look = Look(output, include or head, verbose, silent, as_json)
    raise SystemExit(run(exchange(Origin(config, xds), ask, look, ready_timeout)))


async def exchange(origin: Origin, ask: Ask, look: Look, ready_timeout: float) -> int:
    """Send and show; the exit code."""
    request = ask.request()
    async with Mesh.from_env(origin.environ(), ready_timeout=ready_timeout) as mesh:
        if look.verbose:
            from meshio.cli.explain import story

            click.echo("\n".join(f"* {line}" for line in story(mesh.explain(request))), err=True)
        response = await mesh.send(request)
        await show_response(response, look)
    return 1 if response.record.flags else 0


async def show_response(response: Response, look: Look) -> None:
    if look.as_json:
        show_exchange(response, await response.body.read(), look.output)
        return
    if not look.silent:
        click.echo(f"* {response.status} {response.record!r}", err=True)
        if response.record.error:
            click.echo(f"* {response.record.error}", err=True)
    if look.include:
        look.output.write(head_of(response))
    async for chunk in response.body:
        look.output.write(chunk)
        look.output.flush()
    look.output.flush()


def head_of(response: Response) -> bytes:
    lines = [b"HTTP/1.1 %d" % response.status, *(b"%s: %s" % pair for pair in response.headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def show_exchange(response: Response, body: bytes, output: BinaryIO) -> None:
    """Everything in one JSON object; a body that is not UTF-8 is base64 under "body_base64"."""
    pairs = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in response.headers]
    try:
        content = {"body": body.decode()}
    except UnicodeDecodeError:
        content = {"body_base64": b64encode(body).decode()}
    known = {"status": response.status, "headers": pairs, **content, "mesh": response.record.as_dict()}
    output.write(orjson.dumps(known, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    output.flush()
