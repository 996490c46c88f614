"""Answers without an upstream. What they say is held to Envoy: tests/parity/cases/{redirects,direct_responses}.yaml."""

from meshio.matching import PathPrefix
from meshio.message import Request
from meshio.routing.commands import Known
from meshio.routing.redirect import redirect
from meshio.routing.respond import respond
from meshio.routing.route import DirectResponse, Redirect, Route, RouteTable, VirtualHost


def parts(action):
    route = Route((PathPrefix(b"/"),), action, name="r")
    host = VirtualHost("v", ("*",), (route,))
    return RouteTable("t", (host,)), host, route, Known("r", "up")


def asked():
    return Request(b"GET", b"svc", b"/a?b=c", [(b"x-a", b"1")])


def test_a_redirect_has_the_record_of_its_request_and_leaves_the_request_alone():
    request = asked()
    response = redirect(*parts(Redirect(host="new.example")))(request)
    assert (response.status, response.header(b"location")) == (301, b"http://new.example/a?b=c")
    assert response.record is request.record
    assert request.record.details == "direct_response"
    assert (request.path, request.headers) == (b"/a?b=c", [(b"x-a", b"1")])


def test_a_direct_response_is_made_anew_for_each_request():
    answer = respond(*parts(DirectResponse(200, b"hello")))
    first, second = answer(asked()), answer(asked())
    first.headers.append((b"x-more", b"1"))
    assert second.header(b"x-more") is None
    assert (second.status, second.body.data) == (200, b"hello")
