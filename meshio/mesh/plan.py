"""From a request's destination to its route: one compiled plan per snapshot.

    host and port -> listener -> filter chain -> route table -> virtual host -> route -> Send

The first four are found once per destination and remembered; virtual host and route are the router's.
A plan is built by `publish` and thrown away by the next one, except for the routers of tables that did
not change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshio.errors import NoRoute
from meshio.memo import Short
from meshio.mesh.chains import Connection, find_chain, find_listener, index_listeners
from meshio.mesh.forward import Composer, answered
from meshio.mesh.names import Tables, is_address, name_addresses, resolve_name, service_ports
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.mesh.special import Find, Others
from meshio.message import Request, Send
from meshio.routing.authority import compile_authority, compile_withhold
from meshio.routing.entry import compile_entry
from meshio.routing.follow import Search, following
from meshio.routing.hop import compile_signature
from meshio.routing.listener import FilterChain, HttpChain, Listener, TcpChain
from meshio.routing.normalise import normalise
from meshio.routing.rewording import Reword
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost
from meshio.routing.router import Router, compile_router, trace_route
from meshio.routing.upgrade import check_upgrade
from meshio.upstream.upstream import Upstream

Key: TypeAlias = tuple[str, int, bytes, bool]
REMEMBERED = 10_000  # destinations; a client that sends to more of them starts to remember anew


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL points, and whether it named the port."""

    host: str
    port: int
    tls: bool
    port_given: bool


class Locator:
    """Finds what a destination meets in one snapshot. Pure lookup, no live state: `explain` uses it too."""

    def __init__(self, snapshot: Snapshot, identity: Identity, tables: Tables) -> None:
        self.snapshot = snapshot
        self._identity = identity
        self._names = name_addresses(snapshot, tables)
        self._ports = service_ports(snapshot, tables)
        self._listeners = index_listeners(snapshot.listeners.values())

    def addresses(self, host: str) -> tuple[str, ...]:
        """What the mesh knows of a host name; () leaves it to the network's DNS."""
        return resolve_name(host, self._names, self._identity)

    def connection(self, destination: Destination) -> Connection:
        """The connection that Envoy would have seen for this destination."""
        name = destination.host if destination.tls and not is_address(destination.host) else ""
        return Connection(self.addresses(destination.host), self.port(destination), name, destination.tls)

    def port(self, destination: Destination) -> int:
        """The URL's port; for a bare service name the service's only HTTP port, if port 80 knows it not."""
        if destination.port_given or destination.tls:
            return destination.port
        ports = self._ports.get(destination.host.lower(), ())
        return ports[0] if len(ports) == 1 else destination.port

    def met(self, destination: Destination) -> tuple[Listener | None, FilterChain | None]:
        """Listener and filter chain; no chain when Envoy would close the connection."""
        connection = self.connection(destination)
        listener = find_listener(self._listeners, connection)
        return listener, find_chain(listener, connection) if listener is not None else None

    def table(self, chain: HttpChain) -> RouteTable | None:
        """The chain's route table; None when the control plane says that there is none."""
        if isinstance(chain.routes, RouteTable):
            return chain.routes
        return self.snapshot.routes.get(chain.routes)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A router and what it was compiled from: it serves as long as those are the same objects."""

    table: RouteTable
    upstreams: tuple[Upstream | None, ...]
    router: Router[Send]


class Plan:
    """`route` is the whole decision: a request in, the way it goes out. Never awaits, raises NoRoute."""

    def __init__(self, snapshot: Snapshot, locator: Locator, composer: Composer, last: "Plan | None" = None) -> None:
        self.locator = locator
        self._composer = composer
        self._entries: dict[Key, Router[Send]] = {}
        self._routers: dict[tuple[int, HttpChain], Compiled] = {}
        if last is not None:
            self._routers = {key: kept for key, kept in last._routers.items() if self._holds(kept, snapshot)}

    def _holds(self, kept: Compiled, snapshot: Snapshot) -> bool:
        return snapshot.routes.get(kept.table.name) is kept.table and self._bound(kept.table) == kept.upstreams

    def _bound(self, table: RouteTable) -> tuple[Upstream | None, ...]:
        get = self._composer.upstreams.get
        return tuple(get(name) for name in sorted(table.clusters()))

    def route(self, request: Request) -> Send:
        key = (request.host, request.port, request.scheme, request.port_given)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._remember(key)
        return entry(request)

    def _remember(self, key: Key) -> Router[Send]:
        host, port, scheme, given = key
        if len(self._entries) >= REMEMBERED:
            self._entries.clear()
        destination = Destination(host, port, scheme == b"https", given)
        entry = self._entries[key] = self._enter(destination)
        return entry

    def _enter(self, destination: Destination) -> Router[Send]:
        port, given = self.locator.port(destination), destination.port
        router = self._router(destination)
        return moved(router, port) if port != given else router

    def _router(self, destination: Destination) -> Router[Send]:
        _, found = self.locator.met(destination)
        match found.target if found is not None else None:
            case HttpChain() as chain if (table := self.locator.table(chain)) is not None:
                return self._http(chain, table)
            case TcpChain() as chain:
                send = self._composer.tcp(chain)
                return lambda request: send
        return closed(f"{destination.host}:{destination.port}")

    def _http(self, chain: HttpChain, table: RouteTable) -> Router[Send]:
        key = (id(table), chain)
        if key not in self._routers:
            composer, ways = self._composer, dict[Send, Find]()

            def seek(request: Request) -> tuple[Route, Send]:
                return found_route(table, request), router(request)

            def bind(table: RouteTable, host: VirtualHost, route: Route) -> Send:
                send = composer.http(chain, table, host, route, ways)
                return followed(send, route, Search(route.name, seek, normalise(chain.paths)), ways)

            router = compile_router(table, bind)
            if (unrouted := composer.unrouted(chain)) is not None:
                router = caught(router, unrouted)
            if table.private_headers:
                router = withheld(router, table.private_headers)
            if (change := compile_authority(chain.ports, chain.strip_dot)) is not None:
                router = known_as(router, change)
            self._routers[key] = Compiled(table, self._bound(table), self._entered(router, chain, ways))
        return self._routers[key].router

    def _entered(self, router: Router[Send], chain: HttpChain, ways: Others) -> Router[Send]:
        clean = cleaned(router, chain, ways, self._composer.address)
        reword = chain.replies.compiled(self._composer.recorded())
        return clean if reword is None else reworded(clean, reword)


def followed(send: Send, route: Route, search: Search, ways: Others) -> Send:
    """The way of a route whose redirects are followed, for special requests, too."""
    follow = route.action.follow if isinstance(route.action, Forward) else None
    if follow is None:
        return send
    wrapped, policy, find = following(send, follow, search), follow, ways.get(send)
    if find is not None:
        special = find
        ways[wrapped] = lambda request: following(special(request), policy, search)
    return wrapped


def found_route(table: RouteTable, request: Request) -> Route:
    """The route of a request that is on its way again."""
    route = trace_route(table, request).route
    if route is None:
        raise NoRoute(f"route table {table.name!r} has no route for where a redirect leads")
    return route


def reworded(router: Router[Send], reword: Reword) -> Router[Send]:
    """The connection manager has words of its own for what no upstream answered."""

    def enter(request: Request) -> Send:
        request.reword = reword
        return router(request)

    return enter


def moved(router: Router[Send], port: int) -> Router[Send]:
    """For a bare service name: the request goes to the service's port, as if the URL had named it."""

    def elsewhere(request: Request) -> Send:
        request.port = port
        return router(request)

    return elsewhere


def withheld(router: Router[Send], names: tuple[str, ...]) -> Router[Send]:
    """Routes and upstreams see nothing of headers that only the mesh's own proxies may set."""
    withhold = compile_withhold(names)

    def route(request: Request) -> Send:
        withhold(request)
        return router(request)

    return route


def known_as(router: Router[Send], change: Callable[[Request], bytes]) -> Router[Send]:
    """Routes and upstreams see the authority as the connection manager leaves it."""

    def route(request: Request) -> Send:
        request.authority = change(request)
        return router(request)

    return route


def caught(router: Router[Send], unrouted: Callable[[NoRoute], Send]) -> Router[Send]:
    """Filters see a request that has no route, too."""

    def route(request: Request) -> Send:
        try:
            return router(request)
        except NoRoute as error:
            return unrouted(error)

    return route


def cleaned(router: Router[Send], chain: HttpChain, ways: Others, address: str) -> Router[Send]:
    """Routes see path and headers as the connection manager leaves them; `ways` are for special requests."""
    change, greet = Short(normalise(chain.paths)).__getitem__, compile_entry(chain.hop, address)
    sign, upgrades = compile_signature(chain.hop), chain.upgrades

    def clean(request: Request) -> Send:
        request.sign = sign
        path = change(request.path)
        if not isinstance(path, bytes):
            return answered(path)
        request.path = path
        if not greet(request):
            return router(request)
        send = router(request)
        if send in ways:
            return ways[send](request)
        check_upgrade(request, upgrades)
        return send

    return clean


def closed(destination: str) -> Router[Send]:
    """No filter chain, or a chain whose route table does not exist: Envoy has nothing to say to it."""

    def nowhere(request: Request) -> Send:
        raise NoRoute(f"no listener of the mesh takes a connection to {destination}")

    return nowhere
