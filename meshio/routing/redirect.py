"""Redirects. Envoy: config_impl.cc, `RouteEntryImplBase::newUri`."""

from collections.abc import Callable

from meshio.message import Request, Response, told_scheme
from meshio.routing.commands import Known
from meshio.routing.domains import without_port
from meshio.routing.local_reply import Shape, answer
from meshio.routing.prepare import prepare_response
from meshio.routing.rewrite import compile_path, repath
from meshio.routing.route import Redirect, Route, RouteTable, VirtualHost

DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


def redirect(
    table: RouteTable, host: VirtualHost, route: Route, known: Known, silent: bool = False
) -> Callable[[Request], Response]:
    """Compile a redirect. As in Envoy a path that is rewritten is the request's own for whoever reads it after that.

    `silent`: `x-envoy-original-path` is not told.
    """
    action = route.action
    assert isinstance(action, Redirect)
    finish = prepare_response(table, host, route, None, known)
    base, path = compile_base(action), compile_target(action, route)
    change = None if action.path_rewrite is None else compile_path(action.path_rewrite, route.match)

    def answering(request: Request) -> Response:
        request.record.details = "direct_response"
        location = base(request) + path(request.path)
        if change is not None and (changed := change(request.path)):
            repath(request, changed, silent)
        return answer(request, action.status, shape=Shape([(b"location", location)], finish))

    return answering


def compile_base(action: Redirect) -> Callable[[Request], bytes]:
    """Scheme, host and port. The request's port stays, unless it is replaced or is its old scheme's default."""
    wanted = (action.scheme or ("https" if action.https else "")).encode()
    host, port = action.host.encode(), b":%d" % action.port if action.port else b""

    def base(request: Request) -> bytes:
        told = told_scheme(request)
        scheme = wanted or told
        return b"%s://%s%s" % (scheme, host or kept_host(request, scheme != told, port), port)

    return base


def kept_host(request: Request, changes: bool, port: bytes) -> bytes:
    authority = request.authority
    bare = without_port(authority)
    default = changes and authority[len(bare) :] == DEFAULT_PORTS.get(told_scheme(request))
    return bare if port or default else authority


def compile_target(action: Redirect, route: Route) -> Callable[[bytes], bytes]:
    """Path and query. A `path` with a query of its own drops the request's."""
    if action.path:
        path = action.path.encode()
        drop = action.strip_query or b"?" in path
        return lambda old: path if drop else path + query(old)
    if action.path_rewrite is None:
        return stripped if action.strip_query else lambda old: old
    change = compile_path(action.path_rewrite, route.match)
    if action.strip_query:
        return lambda old: stripped(change(old) or old)
    return lambda old: change(old) or old


def query(path: bytes) -> bytes:
    _, mark, text = path.partition(b"?")
    return mark + text


def stripped(path: bytes) -> bytes:
    return path.partition(b"?")[0]
