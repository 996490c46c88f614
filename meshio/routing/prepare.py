"""What a route does to the headers: of the request before it leaves, of the response before it returns.

Order and effects are Envoy's (router.cc, config_impl.cc `finalizeRequestHeaders`): what the router adds, then
mutations, then the host, then the path. Nothing here exists for a route that asks for nothing, and the
caller's header list is never changed in place: the request gets a new one.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from meshio.message import Headers, Request, Response
from meshio.resilience.grpc_timeout import GRPC_TIMEOUT, write_timeout
from meshio.routing.commands import Known
from meshio.routing.hop import DECORATOR, Hop
from meshio.routing.mutation import Change, HeaderMutation, compile_levels
from meshio.routing.rewrite import compile_host, compile_path, compile_path_format, rehost, repath, with_header
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.routing.substitution import tells_time

PrepareRequest: TypeAlias = Callable[[Request], None]
Clock: TypeAlias = Callable[[], float]
PrepareResponse: TypeAlias = Callable[[Request, Response], None]
ATTEMPTS, EXPECTED = b"x-envoy-attempt-count", b"x-envoy-expected-rq-timeout-ms"


def shown(route: Route, hop: Hop) -> Route:
    """The route, with a decorator only if its upstream is told."""
    return route if hop.names_routes and route.decorates else replace(route, decorator="")


def prepare_request(
    table: RouteTable, host: VirtualHost, route: Route, entry: WeightedCluster, known: Known
) -> PrepareRequest | None:
    """All that happens to a request on its way to one weighted cluster; None when nothing does."""
    silent = isinstance(route.action, Forward) and route.action.quiet
    levels = (table.request_headers, host.request_headers, route.request_headers)
    own, *shared = ordered(table, entry.request_headers, levels)
    steps: list[PrepareRequest] = [*added(host, route, silent)]
    steps += [mutate_request(change) for change in compile_levels([own], known)]
    if entry.host_rewrite is not None and (authority := compile_host(entry.host_rewrite)) is not None:
        steps.append(lambda request: entry_host(request, authority(request)))
    steps += [mutate_request(change) for change in compile_levels(shared, known)]
    if isinstance(route.action, Forward):
        steps += rewritten(route.action, route, known)
    return in_turn(steps)


def tells_start(table: RouteTable, host: VirtualHost, route: Route) -> bool:
    """Whether an answer is told when its request began, or how long it took."""
    entries = route.action.clusters if isinstance(route.action, Forward) else ()
    levels = [table.response_headers, host.response_headers, route.response_headers]
    levels += [entry.response_headers for entry in entries]
    return any(tells_time(value.value) for level in levels for value in level.add)


def in_turn(steps: list[PrepareRequest]) -> PrepareRequest | None:
    match steps:
        case []:
            return None
        case [only]:
            return only

    def prepare(request: Request) -> None:
        for step in steps:
            step(request)

    return prepare


def ordered(table: RouteTable, entry: HeaderMutation, levels: tuple[HeaderMutation, ...]) -> tuple[HeaderMutation, ...]:
    """The weighted cluster is first in both modes. `levels` are table, virtual host, route: later ones win."""
    return (entry, *levels) if table.most_specific_wins else (entry, *reversed(levels))


def added(host: VirtualHost, route: Route, silent: bool) -> list[PrepareRequest]:
    """What Envoy adds by itself, in one step: route, time there is for an answer, number of the attempt."""
    expected = expected_timeout(route.action) if isinstance(route.action, Forward) and not silent else 0
    headers: Headers = []
    if route.decorator:
        headers.append((DECORATOR, route.decorator.encode()))
    if expected:
        headers.append((EXPECTED, b"%d" % expected))
    if host.attempt_count:
        headers.append((ATTEMPTS, b"1"))
    return [setting(headers)] if headers else []


def expected_timeout(action: Forward) -> int:
    """Milliseconds for one try; 0 when there is no limit."""
    whole, each = action.timeout or 0.0, each_timeout(action) or 0.0
    return int(1000 * (each if 0 < each and (not whole or each < whole) else whole))


def each_timeout(action: Forward) -> float | None:
    """Seconds after which a try has to have ended; one that goes on beside another has all the time there is."""
    return action.retry.per_try_timeout if action.retry is not None and not action.retry.hedged else None


def prepare_retry(host: VirtualHost, action: Forward, clock: Clock, grpc: bool = False) -> PrepareRequest | None:
    """To be run before every attempt, inside the retry: which attempt this is, and how long it may still take.

    `clock` is that of `request.deadline`, which the timeouts have set by then. With `grpc` the upstream hears it in
    gRPC's words, too.
    """
    steps: list[PrepareRequest] = []
    if (grpc or expected_timeout(action)) and not action.quiet:
        each = each_timeout(action)
        steps.append(lambda request: expect(request, clock(), each, grpc))
    if host.attempt_count:
        steps.append(count_attempt)
    prepare = in_turn(steps)
    if prepare is None:
        return None
    again = prepare

    def prepare_again(request: Request) -> None:
        if request.record.attempts:  # the first one was prepared by `prepare_request`
            again(request)

    return prepare_again


def expect(request: Request, now: float, each: float | None, grpc: bool) -> None:
    """Tell the upstream what is left of the time: `each` for this try, or of the route's where that is less."""
    if request.deadline is not None:
        left = round(1000 * (request.deadline - now))
        least = max(1, min(left, int(1000 * each)) if each else left)  # 0 would be no limit
        request.headers = with_header(request.headers, EXPECTED, b"%d" % least)
        if grpc:
            request.headers = with_header(request.headers, GRPC_TIMEOUT, write_timeout(least))


def count_attempt(request: Request) -> None:
    request.headers = with_header(request.headers, ATTEMPTS, b"%d" % (request.record.attempts + 1))


def setting(headers: Headers) -> PrepareRequest:
    names = frozenset(name for name, _ in headers)

    def put(request: Request) -> None:
        before = request.headers
        for name, _ in before:
            if name in names:
                before = [header for header in before if header[0] not in names]
                break
        request.headers = [*before, *headers]

    return put


def mutate_request(change: Change) -> PrepareRequest:
    return lambda request: change(request, None)


def entry_host(request: Request, authority: bytes) -> None:
    """A weighted cluster's host rewrite leaves no trace of the old one."""
    request.authority = authority or request.authority


def rewritten(action: Forward, route: Route, known: Known) -> list[PrepareRequest]:
    """The route's host rewrite, which reads the old path, then its path rewrite."""
    steps: list[PrepareRequest] = []
    turn = entry_path if action.quiet else repath
    if (authority := compile_host(action.host_rewrite, known)) is not None:
        forwards = action.forwards_host
        move = entry_host if action.quiet else lambda request, new: rehost(request, new, forwards)
        steps.append(lambda request: move(request, new) if (new := authority(request)) else None)
    if action.path_format is not None:
        take = compile_path_format(action.path_format, known)
        steps.append(lambda request: turn(request, new) if (new := take(request)) else None)
    if action.path_rewrite is not None:
        change = compile_path(action.path_rewrite, route.match)
        steps.append(lambda request: turn(request, new) if (new := change(request.path)) else None)
    return steps


def entry_path(request: Request, path: bytes) -> None:
    """Another path, without a trace of the old one."""
    request.path = path


def prepare_response(
    table: RouteTable, host: VirtualHost, route: Route, entry: WeightedCluster | None, known: Known
) -> PrepareResponse | None:
    """All that happens to a response on its way back; None when nothing does.

    `entry` is None for redirects and direct responses.
    """
    levels = (table.response_headers, host.response_headers, route.response_headers)
    own = entry.response_headers if entry else HeaderMutation()
    changes = compile_levels(ordered(table, own, levels), known)
    if not changes:
        return None

    def prepare(request: Request, response: Response) -> None:
        for change in changes:
            change(request, response)

    return prepare


def telling_attempts(prepare: PrepareResponse | None) -> PrepareResponse:
    """And how many attempts it took, whatever the mutations say: for what the router answers, not its filters."""

    def tell(request: Request, response: Response) -> None:
        if prepare is not None:
            prepare(request, response)
        response.headers = with_header(response.headers, ATTEMPTS, b"%d" % max(1, request.record.attempts))

    return tell
