"""One route of a snapshot, composed into the way its requests go.

Everything is decided here, when a snapshot is published; what a route does not ask for does not exist
afterwards. From the outside in: header mutation, fault and other filter layers, timeout, mirror, hash,
retry, and the attempt at one host.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from meshio.balancing.hashing import compile_hash
from meshio.errors import NoCluster
from meshio.message import Layer, Request, Response, Send
from meshio.resilience.timeout import Timeout
from meshio.routing.listener import HttpChain, TcpChain
from meshio.routing.mirror import mirror
from meshio.routing.prepare import prepare_request, prepare_response
from meshio.routing.redirect import redirect
from meshio.routing.respond import respond
from meshio.routing.route import DirectResponse, Forward, Redirect, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.routing.split import split
from meshio.upstream.upstream import Upstream

Attempt: TypeAlias = Callable[[Upstream, int], Send]
Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class Composer:
    """What composing a route needs beside the route: the live upstreams and the ways to use them.

    attempt   (upstream, host_attempts) -> Send: one try at one host
    start     runs a shadow request in the background, owned by the mesh
    """

    upstreams: Mapping[str, Upstream]
    attempt: Attempt
    start: Start
    address: str

    def http(self, chain: HttpChain, table: RouteTable, host: VirtualHost, route: Route) -> Send:
        """The whole way of a request that took this route."""
        send = self.action(table, host, route)
        for layer in reversed(merged(route.layers, chain.layers)):
            send = layer.around(send)
        return named(send, host.name, route.name)

    def tcp(self, chain: TcpChain) -> Send:
        """A TCP proxy's way: no route, no retry, bytes as they are."""
        draw = split([(self.single(entry.name, 503), entry.weight) for entry in chain.clusters])
        return drawn(draw)

    def action(self, table: RouteTable, host: VirtualHost, route: Route) -> Send:
        match route.action:
            case Forward() as forward:
                ways = [(self.forward(table, host, route, entry), entry.weight) for entry in forward.clusters]
                return drawn(split(ways)) if len(ways) > 1 else ways[0][0]
            case Redirect():
                return answered(redirect(table, host, route))
            case DirectResponse():
                return answered(respond(table, host, route))

    def forward(self, table: RouteTable, host: VirtualHost, route: Route, entry: WeightedCluster) -> Send:
        """One weighted cluster of a route. Its place in the order is Envoy's (router.cc)."""
        action = route.action
        assert isinstance(action, Forward)
        send = self.tried(action, entry)
        if action.hash_policies:
            send = hashed(send, compile_hash(action.hash_policies, self.address))
        if action.mirrors:
            send = mirror(action.mirrors, self.shadow, self.start)(send)
        if action.timeout:
            send = Timeout(action.timeout).around(send)
        before = prepare_request(table, host, route, entry)
        after = prepare_response(table, host, route, entry)
        return prepared(send, before, after)

    def tried(self, action: Forward, entry: WeightedCluster) -> Send:
        upstream = self.upstreams.get(entry.name)
        if upstream is None:
            return unserved(entry.name, action.missing_cluster_status)
        if action.retry is None:
            return self.attempt(upstream, 0)
        avoid = action.retry.host_attempts if action.retry.avoid_previous else 0
        return action.retry.around(self.attempt(upstream, avoid), upstream)

    def single(self, cluster: str, missing: int) -> Send:
        upstream = self.upstreams.get(cluster)
        return self.attempt(upstream, 0) if upstream is not None else unserved(cluster, missing)

    def shadow(self, cluster: str) -> Send | None:
        upstream = self.upstreams.get(cluster)
        return self.attempt(upstream, 0) if upstream is not None else None


def merged(own: tuple[Layer, ...], inherited: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """A route's own layer replaces the listener's of the same kind, at the listener's place."""
    kinds = {type(layer): layer for layer in own}
    kept = tuple(kinds.pop(type(layer), layer) for layer in inherited)
    return kept + tuple(kinds.values())


def named(send: Send, host: str, route: str) -> Send:
    def enter(request: Request) -> Awaitable[Response]:
        record = request.record
        record.virtual_host = host
        record.route = route
        return send(request)

    return enter


def drawn(draw: Callable[[], Send]) -> Send:
    return lambda request: draw()(request)


def hashed(send: Send, key: Callable[[Request], int | None]) -> Send:
    def hashing(request: Request) -> Awaitable[Response]:
        request.hash = key(request)
        return send(request)

    return hashing


def prepared(
    send: Send,
    before: Callable[[Request], None] | None,
    after: Callable[[Request, Response], None] | None,
) -> Send:
    """Mutate on the way out and on the way back, only where the route says so."""
    if after is not None:
        inner, finish = send, after

        async def finishing(request: Request) -> Response:
            response = await inner(request)
            finish(request, response)
            return response

        send = finishing
    if before is None:
        return send
    onward, begin = send, before

    def beginning(request: Request) -> Awaitable[Response]:
        begin(request)
        return onward(request)

    return beginning


def answered(answer: Callable[[Request], Response]) -> Send:
    async def answering(request: Request) -> Response:
        response = answer(request)
        response.record = request.record
        return response

    return answering


def unserved(cluster: str, status: int) -> Send:
    async def refuse(request: Request) -> Response:
        request.record.cluster = cluster
        error = NoCluster(f"the control plane knows no cluster {cluster!r}")
        error.status = status
        raise error

    return refuse
