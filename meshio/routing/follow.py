"""Redirects that are followed here instead of being told to the caller (Envoy: router.cc, `setupRedirect`).

A redirect that cannot be followed is an answer like any other: its location is no absolute URL of http or https, it was
followed too often, it leads from one scheme to the other or to a route that may not take it, or the request's body is
not there any more.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshio.errors import NoRoute
from meshio.message import Headers, Request, Response, Send
from meshio.resilience.replay import lost, replayable
from meshio.routing.rewrite import with_header
from meshio.routing.route import Follow, Route

URL = re.compile(rb"(https?)://([^/?#]+)(?:(/[^#]*)(?:#.*)?)?", re.IGNORECASE | re.DOTALL)
ORIGINAL_URL = b"x-envoy-original-url"

Find: TypeAlias = Callable[[Request], tuple[Route, Send]]
Normalise: TypeAlias = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Search:
    """What following needs beside the policy.

    name        of the route that was taken
    find        how a request finds its route; raises NoRoute
    normalise   what the connection manager makes of a path; not bytes where it refuses one
    """

    name: str
    find: Find
    normalise: Normalise


def following(send: Send, policy: Follow, search: Search) -> Send:
    """Follow what the policy lets through."""
    codes, limit = policy.codes, policy.buffer_limit

    async def follow(request: Request) -> Response:
        if request.body != b"":
            request.body = replayable(request.body, limit)
        response = await send(request)
        if response.status not in codes or request.record.details != "via_upstream":
            return response
        again = prepared(request, response, policy, search)
        if again is None:
            return response
        await response.body.aclose()
        return await again(request)

    return follow


def noted(send: Send, codes: frozenset[int]) -> Send:
    """Keep the headers of what may be followed as they come: what the route makes of them is for the caller only."""

    async def note(request: Request) -> Response:
        response = await send(request)
        if response.status in codes:
            request.came = list(response.headers)
        return response

    return note


def headers_of(request: Request, response: Response) -> Headers:
    came: Headers = getattr(request, "came", response.headers)
    return came


def prepared(request: Request, response: Response, policy: Follow, search: Search) -> Send | None:
    """The way to where the response leads, with the request made ready for it; None when it is not followed."""
    followed = getattr(request, "followed", ())
    came = headers_of(request, response)
    url = URL.fullmatch(next((value for name, value in came if name == b"location"), b""))
    if url is None or len(followed) >= policy.most or gone(request, policy.buffer_limit):
        return None
    scheme, path = url[1].lower(), search.normalise(url[3] or b"/")
    if not isinstance(path, bytes) or not crosses(request, scheme, policy):
        return None
    before = (request.method, request.authority, request.path, request.headers, request.body)
    redirect(request, response, policy, url[2], path)
    try:
        route, send = search.find(request)
    except NoRoute:
        route, send = None, None
    if route is None or send is None or not admitted(policy, search.name, route.name, followed):
        request.method, request.authority, request.path, request.headers, request.body = before
        return None
    request.followed = (*followed, (search.name, route.name))
    request.tried = ()
    request.record.attempts = 0
    return send


def gone(request: Request, limit: int) -> bool:
    """Whether the body is not there any more, or is too long to have been kept."""
    return lost(request.body, limit)


def crosses(request: Request, scheme: bytes, policy: Follow) -> bool:
    """Whether the policy lets a request go on under this scheme."""
    safe = not (policy.safe and request.scheme == b"http" and scheme == b"https")
    return scheme == request.scheme or (policy.cross_scheme and safe)


def admitted(policy: Follow, name: str, target: str, followed: tuple[tuple[str, str], ...]) -> bool:
    """Whether the policy's predicates take the route."""
    if policy.listed is not None and target not in policy.listed:
        return False
    return not (policy.fresh and (name, target) in followed)


def redirect(request: Request, response: Response, policy: Follow, authority: bytes, path: bytes) -> None:
    """Make the request ask for where the response leads."""
    original = b"%s://%s%s" % (request.scheme, request.authority, request.path)
    headers = with_header(request.headers, ORIGINAL_URL, original)
    for name in policy.copied:
        headers = [header for header in headers if header[0] != name]
        headers += [header for header in headers_of(request, response) if header[0] == name]
    request.headers, request.authority, request.path = headers, authority, path
    if response.status == 303 and request.method not in (b"GET", b"HEAD"):
        request.method, request.body = b"GET", b""
        request.headers = [header for header in headers if header[0] not in (b"content-length", b"transfer-encoding")]
