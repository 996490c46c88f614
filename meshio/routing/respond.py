"""Answers that a route gives itself, without any upstream. Envoy: config_impl.cc, `DirectResponseEntry`."""

from collections.abc import Callable

from meshio.message import Body, Request, Response, told_scheme
from meshio.routing.body_format import BodyFormat
from meshio.routing.commands import Known
from meshio.routing.local_reply import Shape, answer
from meshio.routing.prepare import prepare_response
from meshio.routing.route import DirectResponse, Route, RouteTable, VirtualHost


def respond(table: RouteTable, host: VirtualHost, route: Route, known: Known) -> Callable[[Request], Response]:
    """Compile a direct response. 201 and 3xx gain a location: the request's own URL, as in Envoy."""
    action = route.action
    assert isinstance(action, DirectResponse)
    finish = prepare_response(table, host, route, None, known)
    located = action.status == 201 or 300 <= action.status < 400
    write, kind = None if action.form is None else action.form.compiled(known), content_type(action.form)

    def answering(request: Request) -> Response:
        headers = [(b"location", own_url(request))] if located else []
        body = action.body if write is None else write(request, Response(0, [], Body(action.body), request.record))
        request.record.details = "direct_response"
        return answer(request, action.status, body, Shape(headers, finish, kind=kind))

    return answering


def content_type(form: BodyFormat | None) -> bytes:
    """What a form says of itself, other than that it is plain text."""
    plain = form is None or (form.text is not None and not form.content_type)
    return b"" if plain or form is None else form.kind


def own_url(request: Request) -> bytes:
    return b"%s://%s%s" % (told_scheme(request), request.authority, request.path)
