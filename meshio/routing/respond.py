"""Answers that a route gives itself, without any upstream. Envoy: config_impl.cc, `DirectResponseEntry`."""

from collections.abc import Callable

from meshio.message import Request, Response, told_scheme
from meshio.routing.local_reply import Shape, answer
from meshio.routing.prepare import prepare_response
from meshio.routing.route import DirectResponse, Route, RouteTable, VirtualHost


def respond(table: RouteTable, host: VirtualHost, route: Route, address: str) -> Callable[[Request], Response]:
    """Compile a direct response. 201 and 3xx gain a location: the request's own URL, as in Envoy.

    `address` is the instance's own IP, for headers that name the downstream address.
    """
    action = route.action
    assert isinstance(action, DirectResponse)
    finish = prepare_response(table, host, route, None, address)
    located = action.status == 201 or 300 <= action.status < 400

    def answering(request: Request) -> Response:
        headers = [(b"location", own_url(request))] if located else []
        request.record.details = "direct_response"
        return answer(request, action.status, action.body, Shape(headers, finish))

    return answering


def own_url(request: Request) -> bytes:
    return b"%s://%s%s" % (told_scheme(request), request.authority, request.path)
