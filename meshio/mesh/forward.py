"""One route of a snapshot, composed into the way its requests go.

Everything is decided here, when a snapshot is published; what a route does not ask for does not exist
afterwards. From the outside in: header mutation, fault and other filter layers, timeout, mirror, hash,
retry, and the attempt at one host.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Any, TypeAlias

from meshio.errors import Finish, NoRoute, RequestError
from meshio.mesh.affinity import asking, hashed
from meshio.mesh.choice import chosen, compile_number, named_by
from meshio.mesh.directory import Directories
from meshio.mesh.facts import host_name, told_metadata
from meshio.mesh.failing import failing, raising, unserved
from meshio.mesh.manner import PLAIN, Attempt, Manner, Special, confessed, lasting, muted, picky_of, ruled
from meshio.mesh.special import Others, others
from meshio.mesh.wildcard import finding, found_first
from meshio.message import Request, Response, Send
from meshio.resilience.grpc_timeout import GrpcTimeout
from meshio.resilience.retry import Turn
from meshio.resilience.site import Site
from meshio.resilience.timeout import Timeout
from meshio.resilience.tries import UNLIMITED
from meshio.resilience.verdict import compile_verdict
from meshio.routing.alteration import Alteration, answering
from meshio.routing.commands import Known
from meshio.routing.filters import Filter, Layers, settle
from meshio.routing.follow import noted
from meshio.routing.listener import HttpChain, TcpChain
from meshio.routing.local_reply import stamped
from meshio.routing.mirror import mirror
from meshio.routing.prepare import (
    PrepareRequest,
    each_timeout,
    prepare_request,
    prepare_response,
    prepare_retry,
    shown,
    telling_attempts,
    tells_start,
)
from meshio.routing.redirect import redirect
from meshio.routing.respond import respond
from meshio.routing.rewrite import HostOfEndpoint
from meshio.routing.route import (
    DirectResponse,
    Forward,
    Redirect,
    Route,
    RouteTable,
    VirtualHost,
    WeightedCluster,
)
from meshio.routing.session import StatefulSession
from meshio.routing.split import split
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class Composer:
    """What composing a route needs beside the route: the live upstreams and the ways to use them.

    attempt   (upstream, manner) -> Send: one try at one host
    start     runs a shadow request in the background, owned by the mesh
    address   the instance's own IP, the downstream address of everything it sends
    examined  is told of a host that has said that it is ill
    directories   where the addresses of hosts are that requests name
    """

    upstreams: Mapping[str, Upstream]
    attempt: Attempt
    start: Start
    address: str
    examined: Callable[[Upstream, Host], None]
    directories: Directories

    def http(
        self, chain: HttpChain, table: RouteTable, host: VirtualHost, route: Route, ways: Others | None = None
    ) -> Send:
        """The whole way of a request that took this route; into `ways` goes how special requests find theirs."""
        send = self.way(chain, table, host, route)
        if ways is not None and isinstance(route.action, Forward):

            def compose(route: Route, grpc: bool) -> Send:
                return self.way(chain, table, host, route, Special(grpc))

            ways[send] = others(compose, route, chain.router, chain.upgrades)
        return send

    def way(
        self, chain: HttpChain, table: RouteTable, host: VirtualHost, route: Route, special: "Special | None" = None
    ) -> Send:
        levels, route = (route.overrides, host.overrides, table.overrides), shown(route, chain.hop)
        layers = settle(
            chain.filters, levels, Site(route=route.name, address=self.address, clock=loop_time, calendar=time)
        )
        match route.action:
            case Forward() as forward:
                legs = [Way(chain, table, host, route, each, special) for each in forward.clusters]
                ways = [(lasting(self.forward(leg), chain, forward, special), leg.entry.weight) for leg in legs]
                number = compile_number(forward, self.address)
                if len(ways) > 1 and number is None:
                    send = drawn(split(ways), host.name, route.name)
                    return started(send) if tells_start(table, host, route) else send
                send = chosen(ways, number) if number is not None else ways[0][0]
            case Redirect():
                send = layered(
                    answered(redirect(table, host, route, self.known(host, route), chain.router.suppresses)), layers
                )
            case DirectResponse():
                send = layered(answered(respond(table, host, route, self.known(host, route))), layers)
        if tells_start(table, host, route):
            send = started(send)
        return named(send, host.name, route.name)

    def known(self, host: VirtualHost, route: Route, cluster: str = "") -> Known:
        """What header values of a route may say."""
        upstream = self.upstreams.get(cluster)
        said = told_metadata(host, route, upstream)
        if upstream is None:
            return Known(route.name, address=self.address, clock=time, metadata=said)
        return Known(route.name, cluster, self.address, self.statistic, host_name(upstream), time, metadata=said)

    def recorded(self) -> Known:
        """What local answers may say, whichever route they come from."""
        return Known(address=self.address, statistic=self.statistic, clock=time, recorded=True)

    def statistic(self, cluster: str) -> str:
        """A cluster's name in statistics, which an update may change; "" for none."""
        upstream = self.upstreams.get(cluster)
        return upstream.cluster.alt_stat_name or upstream.name if upstream is not None else ""

    def unrouted(self, chain: HttpChain) -> Callable[[NoRoute], Send] | None:
        """What becomes of a request without a route: the listener's filters see it first. None: just the error."""
        layers = settle(chain.filters, (), Site(address=self.address, clock=loop_time, calendar=time))
        if layered(failing, layers) is failing:
            return None
        return lambda error: layered(raising(error), layers)

    def tcp(self, chain: TcpChain) -> Send:
        """A TCP proxy's way: no route, no retry, bytes as they are."""
        draw = split([(self.connected(chain, entry), entry.weight) for entry in chain.clusters])
        return lambda request: draw()(request)

    def connected(self, chain: TcpChain, entry: WeightedCluster) -> Send:
        """One of its clusters."""
        send, upstream = self.single(entry.name), self.upstreams.get(entry.name)
        if send is None or upstream is None:
            return unserved(entry.name, 503)
        if chain.hash_policies:
            send = hashed(send, upstream, chain.hash_policies, self.address)
        return begun(send, asking(entry.wanted) if entry.wanted else None)

    def named(self, way: "Way") -> Send:
        """The cluster that a header of the request names. Its way is composed for the first request that wants it."""
        header, known = way.entry.header, dict[str, tuple[Upstream, Send]]()

        def choose(request: Request) -> Awaitable[Response]:
            name = named_by(header, request)
            upstream = self.upstreams.get(name)
            if upstream is None:
                known.pop(name, None)
                return self.forward(way.to(name))(request)
            found = known.get(name)
            if found is None or found[0] is not upstream:
                found = known[name] = (upstream, self.forward(way.to(name)))
            return found[1](request)

        return choose

    def forward(self, way: "Way") -> Send:
        """One weighted cluster of a route. Each thing's place in the order is Envoy's (router.cc)."""
        if way.entry.header:
            return self.named(way)
        table, host, route, entry = way.table, way.host, way.route, way.entry
        action, grpc, silent = route.action, way.special is not None and way.special.grpc, way.chain.router.suppresses
        assert isinstance(action, Forward)
        upstream = self.upstreams.get(entry.name)
        action = ruled(action, upstream.cluster if upstream is not None else None)
        known = self.known(host, route, entry.name)
        levels = (entry.overrides, route.overrides, host.overrides, table.overrides)
        limits = (action.rate_limits, host.rate_limits, action.include_host_limits)
        upstream = self.upstreams.get(entry.name)
        find = finding(upstream, self.directories)
        site = Site(True, entry.name, route.name, self.address, *limits, loop_time, time, find)
        layers = settle(way.chain.filters, levels, site)
        session = any(isinstance(layer, StatefulSession) for layer in layers)
        asked = grpc and action.max_grpc_timeout is not None and action.duration is None
        if asked or silent:
            timeout = None if asked else action.timeout
            route = replace(route, action=replace(action, timeout=timeout, quiet=silent))
        send = begun(self.tried(action, way, asked, session), asking(entry.wanted) if entry.wanted else None)
        if action.hash_policies and upstream is not None:
            send = hashed(send, upstream, action.hash_policies, self.address)
        served = upstream is not None  # Envoy answers for a cluster that does not exist before it does anything
        if action.mirrors and served:
            send = mirror(action.mirrors, lambda name: self.shadow(name, action.timeout), self.start, known)(send)
        if asked:
            each, most = each_timeout(action), action.max_grpc_timeout or 0.0
            send = GrpcTimeout(most, action.grpc_offset, each, action.timeout_status).around(send)
        elif action.timeout and action.duration is None:
            send = Timeout(action.timeout, action.timeout_status).around(send)
        if find is not None:
            send = found_first(send, upstream, self.directories)
        finish = prepare_response(table, host, route, entry, known)
        counts = host.answers_attempt_count and served
        told = telling_attempts(finish) if counts else finish
        if action.follow is not None:
            send = noted(send, action.follow.codes)
        send = finished(begun(send, prepare_request(table, host, route, entry, known) if served else None), told)
        if silent:
            send = muted(send)
        filtered = layered(send, layers)
        return filtered if filtered is send else replying(filtered, finish)

    def tried(self, action: Forward, way: "Way", asked: bool, session: bool) -> Send:
        """Every try at one cluster. `asked`: it is the request that says how long all of them may take."""
        host, entry = way.host, way.entry
        upstream, retry = self.upstreams.get(entry.name), action.retry
        if upstream is None:
            return unserved(entry.name, action.missing_cluster_status)
        rewrite = entry.host_rewrite or action.host_rewrite
        http = upstream.cluster.http
        picky = picky_of(retry)
        avoid = retry.host_attempts if retry is not None and retry.avoid_previous and picky is None else 0
        limits = retry.limits(None if asked else action.timeout, action.timeout_status) if retry else UNLIMITED
        if (longest := action.longest_try or http.max_stream_duration) is not None:
            limits = replace(limits, longest=longest)
        grpc, silent = way.special is not None and way.special.grpc, way.chain.router.suppresses
        verdict, renamed = compile_verdict(http.errors, grpc), isinstance(rewrite, HostOfEndpoint)
        manner = Manner(avoid, renamed, session, action.forwards_host, limits, verdict, silent, picky, action.high)
        if filters := self.filters(way, upstream):
            manner = replace(manner, filters=filters)
        if retry is None:
            return self.once(upstream, manner)
        prepare = prepare_retry(host, replace(action, quiet=silent), monotonic, asked)
        allowance = upstream.high if action.high else upstream.breaker
        if not retry.follows or upstream.cluster.health_check is not None:
            return retry.around(begun(self.once(upstream, manner), prepare), allowance, host.tells_timeouts)

        def turn(once: Send) -> Turn:
            return retry.after(begun(once, prepare), allowance, host.tells_timeouts)

        return self.attempt(upstream, replace(manner, turn=turn))

    def filters(self, way: "Way", upstream: Upstream) -> Layers:
        """What a request passes when its host is chosen: the cluster's own filters, or those of the router."""
        route, own = way.route, tuple(Filter(*each) for each in upstream.cluster.filters) or way.chain.router.filters
        levels = (way.entry.overrides, route.overrides, way.host.overrides, way.table.overrides)
        site = Site(True, way.entry.name, route.name, self.address, clock=loop_time, calendar=time)
        return settle(own, levels, site) if own else ()

    def once(self, upstream: Upstream, manner: Manner) -> Send:
        """One try."""
        send = self.attempt(upstream, manner)
        return confessed(send, upstream, self.examined) if upstream.cluster.health_check is not None else send

    def single(self, cluster: str, manner: Manner = PLAIN) -> Send | None:
        upstream = self.upstreams.get(cluster)
        if upstream is None:
            return None
        return found_first(self.attempt(upstream, manner), upstream, self.directories)

    def shadow(self, cluster: str, timeout: float | None) -> Send | None:
        """A mirrored request ends when the route's own would have to."""
        upstream = self.upstreams.get(cluster)
        own = tuple(Filter(*each) for each in upstream.cluster.filters) if upstream is not None else ()
        send = self.single(cluster, replace(PLAIN, filters=settle(own, (), Site(True, cluster))) if own else PLAIN)
        return Timeout(timeout).around(send) if send is not None and timeout else send


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def started(send: Send) -> Send:
    """Note when the request began: its route tells."""

    def start(request: Request) -> Awaitable[Response]:
        request.began = time()
        return send(request)

    return start


def layered(send: Send, layers: Layers) -> Send:
    """Wrap a way in its filters, the last of them first."""
    behind: list[Finish] = []
    for position, layer in reversed(list(enumerate(layers))):
        if isinstance(layer, Alteration):
            finish = layer.responses()
            send = layer.over(send, finish)
            behind += [finish] if finish is not None and position else []
        else:
            send = layer.around(send)
    return answering(send, behind) if behind else send


@dataclass(frozen=True, slots=True)
class Way:
    """Where a request to one weighted cluster has come through."""

    chain: HttpChain
    table: RouteTable
    host: VirtualHost
    route: Route
    entry: WeightedCluster
    special: Special | None = None

    def to(self, cluster: str) -> "Way":
        """The same to the cluster that a request has named."""
        return replace(self, entry=replace(self.entry, name=cluster, header=""))


def named(send: Send, host: str, route: str) -> Send:
    """The outermost part of a route: what the record says of it."""

    def enter(request: Request) -> Awaitable[Response]:
        record = request.record
        record.virtual_host = host
        record.route = route
        return send(request)

    return enter


def drawn(draw: Callable[[], Send], host: str, route: str) -> Send:
    """The same for one of several ways."""

    def enter(request: Request) -> Awaitable[Response]:
        record = request.record
        record.virtual_host = host
        record.route = route
        return draw()(request)

    return enter


def finished(send: Send, finish: Finish | None) -> Send:
    """Change the response on its way back: the upstream's, and Envoy's own for a failure."""
    if finish is None:
        return send

    async def finishing(request: Request) -> Response:
        try:
            response = await send(request)
        except RequestError as error:
            error.finish = finish
            raise
        finish(request, response)
        return response

    return finishing


def replying(send: Send, finish: Finish | None) -> Send:
    """What a filter answers itself is changed like what the router answers; what passes a filter was already."""
    if finish is None:
        return send

    async def replied(request: Request) -> Response:
        try:
            return await send(request)
        except RequestError as error:
            error.finish = error.finish or finish
            raise

    return replied


def begun(send: Send, begin: PrepareRequest | None) -> Send:
    """Change the request on its way out."""
    if begin is None:
        return send

    def beginning(request: Request) -> Awaitable[Response]:
        begin(request)
        return send(request)

    return beginning


def answered(answer: Callable[[Request], Response]) -> Send:
    async def answering(request: Request) -> Response:
        await asyncio.sleep(0)  # who asks in a loop must not keep the loop from the update that changes the answer
        return stamped(answer(request), time())

    return answering
