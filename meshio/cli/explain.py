"""`meshio explain`: the decision about a request, without sending it."""

from collections.abc import Iterator

import click

from meshio.cli.curl import Ask, request_options
from meshio.cli.origin import Origin, mesh_options
from meshio.cli.show import show_json
from meshio.environment.mesh import Mesh
from meshio.environment.run import run
from meshio.mesh.explanation import Choice, Explanation
from meshio.resilience.retry import Retry

WIDTH = 16
HOSTS_SHOWN = 10


@click.command()
@request_options
@click.option(
    "--notes", default="", metavar="JSON", help="What a program says beside the request: metadata, filter_state."
)
@click.option("--all", "every", is_flag=True, help=f"Every host of a cluster, not only {HOSTS_SHOWN}.")
@mesh_options
def explain(
    *,
    url: str,
    method: str | None,
    headers: tuple[str, ...],
    notes: str,
    every: bool,
    config: str | None,
    xds: str | None,
    ready_timeout: float,
    as_json: bool,
) -> None:
    """Tell where a request would go and why, without sending it.

    Listener, route table, virtual host, the routes that were passed over and why, the route that is taken, clusters,
    balancing policy, candidates with their states, retries and timeouts. Exit code 1 when the mesh itself would have to
    answer with an error.

    \b
    Examples:
      meshio explain --config ./mesh http://reviews:9080/reviews/1
      meshio explain --xds localhost:15010 -H 'x-user: ann' reviews:9080/reviews/1
      meshio explain reviews:9080/ --json | jq .route
      meshio explain --notes '{"metadata": {"tenant": {"plan": "gold"}}}' reviews:9080/
    """
    told = run(ask_mesh(Origin(config, xds), Ask(url, method, headers, notes=notes), ready_timeout))
    if as_json:
        show_json(told.as_dict())
    else:
        click.echo("\n".join(story(told, None if every else HOSTS_SHOWN)))
    raise SystemExit(1 if told.answer is not None and told.answer.flags else 0)


async def ask_mesh(origin: Origin, ask: Ask, ready_timeout: float) -> Explanation:
    request = ask.request()
    async with Mesh.from_env(origin.environ(), ready_timeout=ready_timeout) as mesh:
        return mesh.explain(request)


def story(told: Explanation, most: int | None = HOSTS_SHOWN) -> Iterator[str]:
    """An explanation in lines, from the destination to the candidates."""
    yield f"{told.method} {told.path}"
    for label, text in (*way(told), *fate(told)):
        if text:
            yield f"{label:<{WIDTH}}{text}"
    for choice in told.clusters:
        yield from cluster_lines(choice, most)


def way(told: Explanation) -> Iterator[tuple[str, str]]:
    """How the route was found."""
    known = f" = {', '.join(told.addresses)}" if told.addresses and told.addresses != (told.host,) else ""
    yield "destination", f"{told.host}:{told.port}{known}"
    yield "listener", told.listener
    yield "filter chain", told.chain
    yield "route table", told.table
    yield "virtual host", f"{told.virtual_host} (domain {told.domain})" if told.virtual_host else ""
    for passed in told.passed:
        yield "passed over", f"{passed.route or '(no name)'}: unmet: {passed.reason}"
    if told.route is not None:
        yield "route", " ".join(filter(None, (told.route or "(no name)", told.origin)))


def fate(told: Explanation) -> Iterator[tuple[str, str]]:
    """What becomes of the request."""
    yield "action", told.action
    for layer in told.layers:
        yield "layer", layer
    yield "timeout", f"{told.timeout:g} s" if told.timeout else "none" if told.action == "forward" else ""
    yield "retries", retry_text(told.retry) if told.action == "forward" else ""
    if told.high:
        yield "priority", "high: connections and limits of its own"
    for mirror in told.mirrors:
        yield "mirrored to", mirror
    if told.answer is not None:
        flags = f" {told.answer.flags}" if told.answer.flags else ""
        yield "answer", f"{told.answer.status}{flags}: {told.answer.reason}"


def retry_text(retry: Retry | None) -> str:
    """How often, on what, after how long."""
    if retry is None:
        return "none"
    on = ", ".join([*sorted(retry.on), *map(str, sorted(retry.statuses))])
    parts = [f"{retry.attempts} on {on}", f"back-off {retry.first_delay:g} s to {retry.longest_delay:g} s"]
    if retry.per_try_timeout is not None:
        parts.append(f"{retry.per_try_timeout:g} s per try")
    return "; ".join(parts)


def cluster_lines(choice: Choice, most: int | None) -> Iterator[str]:
    yield f"{'cluster':<{WIDTH}}{choice.share:g}% {choice.cluster}"
    if choice.policy:
        yield f"{'  policy':<{WIDTH}}{choice.policy}"
    if choice.authority:
        yield f"{'  sends':<{WIDTH}}{choice.authority} {choice.path}"
    if choice.answer is not None:
        yield f"{'  answer':<{WIDTH}}{choice.answer.status} {choice.answer.flags}: {choice.answer.reason}"
    for host in choice.hosts[:most]:
        facts = [host.state, f"weight {host.weight:g}", f"{host.inflight} in flight", host.locality]
        yield f"{'  candidate':<{WIDTH}}{host.address} {'; '.join(filter(None, facts))}"
    if most is not None and len(choice.hosts) > most:
        yield f"{'':<{WIDTH}}and {len(choice.hosts) - most} more (--all shows them)"
