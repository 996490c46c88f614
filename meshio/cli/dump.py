"""`meshio dump`: what is in service."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import click

from meshio.cli.origin import Origin, mesh_options
from meshio.cli.show import show_json, show_table
from meshio.environment.mesh import Mesh
from meshio.environment.run import run
from meshio.mesh.snapshot import Snapshot
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.route import RouteTable
from meshio.upstream.cluster import Discovery, Dns, Eds, Static
from meshio.upstream.upstream import Upstream

Row: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """What is in service: the values, and the live hosts."""

    snapshot: Snapshot
    upstreams: dict[str, Upstream]

    def stamp(self, kind: str, name: str = "") -> tuple[str, str]:
        """Version and time of the last change of a resource, or of a whole kind."""
        version = self.snapshot.versions.get((kind, name)) or self.snapshot.versions.get((kind, ""))
        if version is None:
            return "-", "-"
        return version.version or "-", datetime.fromtimestamp(version.time).isoformat(" ", "seconds")


def listener_rows(served: Served) -> Iterator[Row]:
    for name, listener in sorted(served.snapshot.listeners.items()):
        targets = ", ".join(dict.fromkeys(target_of(chain) for chain in chains_of(listener)))
        yield name, f"{listener.address}:{listener.port}", targets, *served.stamp("listeners", name)


def chains_of(listener: Listener) -> tuple[FilterChain, ...]:
    return listener.chains + ((listener.default,) if listener.default is not None else ())


def target_of(chain: FilterChain) -> str:
    """`routes 9080` or `clusters PassthroughCluster`."""
    if isinstance(chain.target, HttpChain):
        routes = chain.target.routes
        return f"routes {routes.name if isinstance(routes, RouteTable) else routes}"
    return "clusters " + " ".join(entry.name for entry in chain.target.clusters)


def route_rows(served: Served) -> Iterator[Row]:
    for name, table in sorted(served.snapshot.routes.items()):
        for host in table.hosts:
            routes = len(list(host.every_route()))
            yield name, host.name, ", ".join(host.domains), routes, *served.stamp("routes", name)


def cluster_rows(served: Served) -> Iterator[Row]:
    for name, cluster in sorted(served.snapshot.clusters.items()):
        hosts = len(served.upstreams[name].hosts) if name in served.upstreams else 0
        kind, policy = discovery_of(cluster.discovery), type(cluster.policy).__name__
        yield name, kind, policy, hosts, *served.stamp("clusters", name)


def discovery_of(discovery: Discovery) -> str:
    """EDS, static, DNS, or where the request was going anyway."""
    match discovery:
        case Eds():
            return "EDS"
        case Static():
            return "static"
        case Dns(strict=strict):
            return "strict DNS" if strict else "logical DNS"
        case _:
            return "original destination"


def endpoint_rows(served: Served) -> Iterator[Row]:
    for name, upstream in sorted(served.upstreams.items()):
        for host in upstream.hosts.values():
            state = "ejected" if host.ejected else HEALTH.get(host.endpoint.health, host.endpoint.health)
            where = str(host.locality) or "-"
            yield name, host.name, state, round(host.weight, 3), host.priority, where, *served.stamp("endpoints", name)


@dataclass(frozen=True, slots=True)
class Kind:
    """One word of `meshio dump`: its table, and where the values are for --json."""

    columns: tuple[str, ...]
    rows: Callable[[Served], Iterator[Row]]


HEALTH = {"unknown": "healthy"}  # nobody checked, and requests go there
WHEN = ("version", "since")
KINDS = {
    "listeners": Kind(("name", "address", "leads to", *WHEN), listener_rows),
    "routes": Kind(("table", "virtual host", "domains", "routes", *WHEN), route_rows),
    "clusters": Kind(("name", "discovery", "policy", "hosts", *WHEN), cluster_rows),
    "endpoints": Kind(("cluster", "address", "state", "weight", "priority", "locality", *WHEN), endpoint_rows),
}


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)), required=False)
@click.argument("text", default="")
@mesh_options
def dump(
    *, kind: str | None, text: str, config: str | None, xds: str | None, ready_timeout: float, as_json: bool
) -> None:
    """Show what is in service, with versions and when it came: everything in numbers, or one KIND in full.

    KIND is listeners, routes, clusters or endpoints. TEXT leaves only what contains it: rows, or names with --json.

    \b
    Examples:
      meshio dump --config ./mesh
      meshio dump clusters reviews --xds localhost:15010
      meshio dump routes --json | jq '.routes | keys'
    """
    served = run(collect(Origin(config, xds), ready_timeout))
    if as_json:
        show_json(values(served, [kind] if kind else list(KINDS), text))
    elif kind is None:
        show_table(("kind", "number", *WHEN), summary(served))
    else:
        rows = KINDS[kind].rows(served)
        show_table(KINDS[kind].columns, (row for row in rows if any(text in str(cell) for cell in row)))


async def collect(origin: Origin, ready_timeout: float) -> Served:
    async with Mesh.from_env(origin.environ(), ready_timeout=ready_timeout) as mesh:
        return Served(mesh.snapshot, dict(mesh.upstreams))


def summary(served: Served) -> Iterator[Row]:
    for kind, table in KINDS.items():
        yield kind, sum(1 for _ in table.rows(served)), *served.stamp(kind)


def values(served: Served, kinds: list[str], text: str) -> dict[str, object]:
    """Everything that was said, by kind and name, for --json."""
    snapshot = served.snapshot
    assignments = {name: upstream.assignment for name, upstream in served.upstreams.items()}
    said: dict[str, Mapping[str, object]] = {
        "listeners": snapshot.listeners,
        "routes": snapshot.routes,
        "clusters": snapshot.clusters,
        "endpoints": assignments,
    }
    return {
        kind: {name: stamped(served, kind, name, said[kind][name]) for name in sorted(said[kind]) if text in name}
        for kind in kinds
    }


def stamped(served: Served, kind: str, name: str, value: object) -> dict[str, object]:
    version, since = served.stamp(kind, name)
    return {"version": version, "since": since, "value": value}
