"""Which route wins: a route table compiled into one function from request to target.

The order of routes is their meaning, so it is kept. A run of neighbours that ask for nothing but a path or a
prefix becomes a few dict lookups; a virtual host with a single route is decided by that route's own test.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias, TypeVar

from meshio.errors import NoRoute
from meshio.matching import Matcher, Path, PathPrefix, Test
from meshio.matching.tree import Tree
from meshio.message import Request
from meshio.routing.commands import request_value
from meshio.routing.domains import REMEMBERED, index_domains
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.route import DirectResponse, Route, RouteTable, VirtualHost

T = TypeVar("T")
SAME_URL = HeaderValue("location", "https://%REQ(:AUTHORITY)%%REQ(:PATH)%", "overwrite")
TO_HTTPS = Route((), DirectResponse(301), response_headers=HeaderMutation(add=(SAME_URL,)))
Bind: TypeAlias = Callable[[RouteTable, VirtualHost, Route], T]
Router: TypeAlias = Callable[[Request], T]
Step: TypeAlias = Callable[[Request], T | None]


def compile_router(table: RouteTable, bind: Bind[T]) -> Router[T]:
    """Build the decision of a table. `bind` makes the target of a route, once per route; never None.

    The router raises NoRoute, whose text says whether the virtual host or the route was missing. An
    authority is looked up once and remembered, so that the price does not depend on the table's size.
    A virtual host is compiled for the first request that it gets: of a thousand, a process uses a few.
    """
    find = index_domains(table)
    hosts: dict[int, Router[T]] = {}
    known: dict[bytes, Router[T]] = {}

    def enter(authority: bytes) -> Router[T]:
        claim = find(authority)
        if claim is None:
            raise NoRoute(f"route table {table.name!r} has no virtual host for {authority.decode('latin-1')!r}")
        if len(known) >= REMEMBERED:
            known.clear()
        router = hosts.get(id(claim.host))
        if router is None:
            router = hosts[id(claim.host)] = compile_host(table, claim.host, bind)
        known[authority] = router
        return router

    def route(request: Request) -> T:
        router = known.get(request.authority)
        return router(request) if router is not None else enter(request.authority)(request)

    name = table.host_header.encode()

    def route_by_header(request: Request) -> T:
        value = request_value(request, name)
        if value is None:
            raise NoRoute(f"route table {table.name!r} looks for its virtual host by header {table.host_header!r}")
        return (known.get(value) or enter(value))(request)

    return route_by_header if name else route


def compile_host(table: RouteTable, host: VirtualHost, bind: Bind[T]) -> Router[T]:
    """The decision of a virtual host."""
    router = compile_tree(table, host, host.tree, bind) if host.tree is not None else compile_routes(table, host, bind)
    return secured(router, bind(*securing(table, host))) if host.secure else router


def compile_routes(table: RouteTable, host: VirtualHost, bind: Bind[T]) -> Router[T]:
    """The first route of a virtual host whose matchers all hold."""
    if len(host.routes) == 1:
        return alone(table, host, bind(table, host, host.routes[0]))
    steps = list(compile_steps(host.routes, lambda route: bind(table, host, route)))

    def first(request: Request) -> T:
        for step in steps:
            target = step(request)
            if target is not None:
                return target
        raise no_route(table, host, request)

    return first


def compile_tree(table: RouteTable, host: VirtualHost, tree: Tree[tuple[Route, ...]], bind: Bind[T]) -> Router[T]:
    """The routes that a tree leads to, and of those the first whose matchers all hold."""
    find = tree.find(lambda routes: list(compile_steps(routes, lambda route: bind(table, host, route))))

    def lead(request: Request) -> T:
        for step in find(request) or ():
            target = step(request)
            if target is not None:
                return target
        raise no_route(table, host, request)

    return lead


def securing(table: RouteTable, host: VirtualHost) -> tuple[RouteTable, VirtualHost, Route]:
    """The way of a request over plain HTTP where TLS is required. Nothing of the table's own applies to it."""
    return RouteTable(table.name, ()), VirtualHost(host.name, (), ()), TO_HTTPS


def secured(router: Router[T], redirect: T) -> Router[T]:
    return lambda request: redirect if is_plain(request) else router(request)


def is_plain(request: Request) -> bool:
    """Whether a request goes over plain HTTP, by what an earlier proxy says or else by its URL."""
    return (request.header(b"x-forwarded-proto") or request.scheme) != b"https"


def alone(table: RouteTable, host: VirtualHost, target: T) -> Router[T]:
    """For a virtual host with one route, which most often takes every path."""
    test = every([matcher.test() for matcher in host.routes[0].match])
    if test is None:
        return lambda request: target

    def only(request: Request) -> T:
        if test(request):
            return target
        raise no_route(table, host, request)

    return only


def no_route(table: RouteTable, host: VirtualHost, request: Request) -> NoRoute:
    asked = b"%s %s" % (request.method, request.path)
    return NoRoute(
        f"virtual host {host.name!r} of route table {table.name!r} has no route for {asked.decode('latin-1')!r}"
    )


def compile_steps(routes: tuple[Route, ...], bind: Callable[[Route], T]) -> Iterator[Step[T]]:
    for indexed, run in groupby(routes, asks_only_for_path):
        bound = [(route, bind(route)) for route in run]
        if indexed and len(bound) > 1:
            yield index_paths(bound)
        else:
            yield from (guard(route, target) for route, target in bound)


def asks_only_for_path(route: Route) -> bool:
    """True when a dict can tell whether the route matches."""
    match route.match:
        case (Path(_, False),) | (PathPrefix(_, False),):
            return True
    return False


def index_paths(run: Sequence[tuple[Route, T]]) -> Step[T]:
    """One lookup for the exact paths, one for each length of prefix; of all that match, the first route."""
    exact: dict[bytes, tuple[int, T]] = {}
    prefixes: dict[int, dict[bytes, tuple[int, T]]] = {}
    for rank, (route, target) in enumerate(run):
        match route.match:
            case (Path(value),):
                exact.setdefault(value, (rank, target))
            case (PathPrefix(value),) if b"?" not in value:  # no path has a "?": such a prefix never matches
                prefixes.setdefault(len(value), {}).setdefault(value, (rank, target))
    lengths = list(prefixes.items())

    def among(request: Request) -> T | None:
        path = request.path
        best = exact.get(path if b"?" not in path else path[: path.index(b"?")])
        for length, found in lengths:
            entry = found.get(path[:length])
            if entry is not None and (best is None or entry[0] < best[0]):
                best = entry
        return best[1] if best is not None else None

    return among


def guard(route: Route, target: T) -> Step[T]:
    test = every([matcher.test() for matcher in route.match])
    if test is None:
        return lambda request: target
    return lambda request: target if test(request) else None


def every(tests: list[Test]) -> Test | None:
    """All of them as one; None when there is nothing to ask."""
    match tests:
        case []:
            return None
        case [only]:
            return only
        case [one, two]:
            return lambda request: one(request) and two(request)
    return lambda request: all(test(request) for test in tests)


@dataclass(frozen=True, slots=True)
class Miss:
    """A route that was passed over, and the first of its matchers that did not hold."""

    route: Route
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class Trace:
    """How a request finds its route. `host` is None without a virtual host, `route` None without a route.

    `redirected`: TLS is required, and the request goes over plain HTTP.
    """

    host: VirtualHost | None = None
    domain: str = ""
    passed: tuple[Miss, ...] = ()
    route: Route | None = None
    redirected: bool = False


def trace_route(table: RouteTable, request: Request) -> Trace:
    """The router's decision, route by route, with the same lookup and the same matchers. Not for the hot path."""
    name = request_value(request, table.host_header.encode()) if table.host_header else request.authority
    claim = index_domains(table)(name) if name is not None else None
    if claim is None:
        return Trace()
    if claim.host.secure and is_plain(request):
        return Trace(claim.host, claim.domain, route=TO_HTTPS, redirected=True)
    passed: list[Miss] = []
    tree = claim.host.tree
    routes = tree.find(lambda routes: routes)(request) or () if tree is not None else claim.host.routes
    for route in routes:
        failed = next((matcher for matcher in route.match if not matcher.test()(request)), None)
        if failed is None:
            return Trace(claim.host, claim.domain, tuple(passed), route)
        passed.append(Miss(route, failed))
    return Trace(claim.host, claim.domain, tuple(passed))
