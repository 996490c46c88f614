"""The clusters that requests to a destination may be sent to, whichever of its routes they take."""

from meshio.errors import NoRoute
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.plan import Destination
from meshio.message import Request
from meshio.routing.listener import HttpChain, TcpChain
from meshio.routing.route import Forward, VirtualHost
from meshio.routing.router import trace_route
from meshio.upstream.upstream import Upstream


def reachable(plane: Dataplane, request: Request) -> list[Upstream]:
    """In the order of the routes, once each. Raises NoRoute where Envoy would have no virtual host."""
    found = (plane.upstreams.get(name) for name in dict.fromkeys(cluster_names(plane, request)))
    return [upstream for upstream in found if upstream is not None]


def cluster_names(plane: Dataplane, request: Request) -> list[str]:
    assert plane.plan is not None, "nothing is published yet"
    locator = plane.plan.locator
    destination = Destination(request.host, request.port, request.scheme == b"https", request.port_given)
    _, met = locator.met(destination)
    match met.target if met is not None else None:
        case TcpChain(clusters=clusters):
            return [entry.name for entry in clusters if entry.weight]
        case HttpChain() as chain if (table := locator.table(chain)) is not None:
            request.port = locator.port(destination)
            if (host := trace_route(table, request).host) is not None:
                return names_of(host)
    raise NoRoute(f"the mesh knows no way to {request.host}:{request.port}")


def names_of(host: VirtualHost) -> list[str]:
    forwards = [route.action for route in host.every_route() if isinstance(route.action, Forward)]
    return [entry.name for forward in forwards for entry in forward.clusters if entry.weight and entry.name]
