"""A plane in a loop, snapshots for it, and a peer that answers in the place of connections."""

import asyncio

from meshio.balancing.round_robin import RoundRobin
from meshio.matching import PathPrefix
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.manner import Manner
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.message import Body, Headers, Request, Response, Send
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

ANY = (PathPrefix(b"/"),)


def assignment(name, *ports):
    return LoadAssignment(name, (LocalityEndpoints(tuple(Endpoint(("10.0.0.1", port)) for port in ports)),))


def cluster(name, discovery=None):
    return Cluster(name, discovery or Eds(name), RoundRobin())


def to(*names, **more):
    return Forward(tuple(WeightedCluster(name) for name in names), timeout=None, **more)


def table(*routes, name="80", domains=("*",)):
    return RouteTable(name, (VirtualHost("v", domains, routes),), ignore_port=True)


def http(port=80, routes="80", **more):
    return Listener(f"0.0.0.0_{port}", "0.0.0.0", port, (FilterChain(HttpChain(routes, **more)),))


def snapshot(*clusters, routes=(), listeners=(), assignments=()):
    tables = routes or (table(Route(ANY, to(*(each.name for each in clusters)))),)
    return Snapshot(
        listeners={each.name: each for each in listeners or (http(),)},
        routes={each.name: each for each in tables},
        clusters={each.name: each for each in clusters},
        assignments={each.cluster: each for each in assignments or (assignment(each.name, 1) for each in clusters)},
    )


class Peer:
    """Answers in the place of a connection: 200, with the cluster and endpoint it was reached by."""

    def __init__(self):
        self.seen: list[Request] = []
        self.told: list[Headers] = []
        self.status = 200
        self.manners: list[Manner] = []

    def attempt(self, upstream: Upstream, manner: Manner) -> Send:
        self.manners.append(manner)

        async def send(request: Request) -> Response:
            host = upstream.admit(request, manner.avoid)
            host.requests += 1
            self.seen.append(request)
            self.told.append(request.headers)
            request.record.attempts += 1
            upstream.settle(host, self.status, False, 0.0, 0.0)
            return Response(self.status, [(b"x-from", f"{upstream.name} {host.name}".encode())], Body(), request.record)

        return manner.turn(send).retrying() if manner.turn is not None else send


def get(path=b"/", host="a", headers=(), **more):
    return Request(b"GET", host.encode(), path, list(headers), host=host, **more)


def run(scenario):
    """Give the scenario a plane and its peer, inside a loop."""

    async def main():
        peer = Peer()
        plane = Dataplane(Identity(), peer.attempt)
        try:
            await scenario(plane, peer)
        finally:
            await plane.aclose()

    asyncio.run(main(), debug=True)


async def reached(plane, request=None):
    response = await plane.send(request or get())
    return (response.header(b"x-from") or b"").decode() or response.status
