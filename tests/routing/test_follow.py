"""Redirects that are followed, beyond what the parity bench asks Envoy."""

import asyncio

import pytest

from meshio.matching import PathPrefix
from meshio.message import Body, Request, Response
from meshio.routing.follow import URL, Search, following
from meshio.routing.route import DirectResponse, Follow, Route

HERE = Route((PathPrefix(b"/"),), DirectResponse(200), name="here")


class Closing(Body):
    """A body that notes that nobody wants it."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        super().__init__(b"")
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


def followed(policy: Follow, location: bytes = b"http://svc/b", body: bytes = b"") -> tuple[Request, Response, Closing]:
    """What becomes of a request whose first answer is a redirect."""
    request, given = Request(b"POST", b"svc", b"/a", [(b"x-user", b"ann")], body), Closing()
    answers = [
        Response(302, [(b"location", location)], given, request.record),
        Response(200, [], Body(), request.record),
    ]

    async def send(request: Request) -> Response:
        request.record.details = "via_upstream"
        return answers.pop(0)

    search = Search("here", lambda request: (HERE, send), lambda path: path)
    response = asyncio.run(following(send, policy, search)(request))  # type: ignore[arg-type]
    return request, response, given


def test_the_answer_that_is_not_told_is_given_up():
    request, response, given = followed(Follow())
    assert (response.status, given.closed) == (200, True)
    assert (request.path, request.header(b"x-envoy-original-url")) == (b"/b", b"http://svc/a")


@pytest.mark.parametrize(
    "policy", [Follow(0), Follow(codes=frozenset({301})), Follow(listed=frozenset()), Follow(buffer_limit=1)]
)
def test_a_request_that_does_not_go_on_stays_what_it_is(policy):
    request, response, given = followed(policy, body=b"body")
    assert (response.status, given.closed) == (302, False)
    assert (request.method, request.path, request.headers, request.body) == (
        b"POST",
        b"/a",
        [(b"x-user", b"ann")],
        b"body",
    )


@pytest.mark.parametrize(
    "location", [b"", b"/b", b"http://", b"http:///b", b"ftp://svc/b", b"http://svc?a", b" http://svc/b"]
)
def test_what_is_no_absolute_url_is_not_followed(location):
    assert URL.fullmatch(location) is None
    assert followed(Follow(), location)[1].status == 302
