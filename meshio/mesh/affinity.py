"""What a route says about the host: hash policies, with cookies on the way back, and labels that it is to have."""

from collections.abc import Awaitable, Callable

from meshio.balancing.hashing import Cookies, HashPolicy, Key, compile_cookies, compile_hash
from meshio.balancing.labels import Labels
from meshio.message import Request, Response, Send
from meshio.routing.regex import compile_regex
from meshio.upstream.upstream import Upstream


def hashed(send: Send, upstream: Upstream, policies: tuple[HashPolicy, ...], address: str) -> Send:
    """Give each request its key, as long as the cluster's policy looks at it (Envoy: `computeHashKey`).

    `address` is the instance's own. Where a cookie can be made up, the response tells the client.
    """
    key, cookies = compile_hash(policies, address, compile_regex), compile_cookies(policies, address, compile_regex)
    if cookies is not None:
        return remembered(send, upstream, key, cookies)

    def hashing(request: Request) -> Awaitable[Response]:
        if upstream.keyed:
            request.hash = key(request)
        return send(request)

    return hashing


def asking(wanted: Labels) -> Callable[[Request], None]:
    """Ask for a host with labels. Only a cluster that chooses by them listens."""

    def ask(request: Request) -> None:
        request.wanted = wanted

    return ask


def remembered(send: Send, upstream: Upstream, key: Key, cookies: Cookies) -> Send:
    """Cookies are added to what an upstream answered, as in Envoy: not to local replies, of which none has a host."""

    async def remembering(request: Request) -> Response:
        if not upstream.keyed:
            return await send(request)
        request.hash, made = key(request), cookies(request)
        response = await send(request)
        response.headers += [(b"set-cookie", value) for value in made]
        return response

    return remembering
