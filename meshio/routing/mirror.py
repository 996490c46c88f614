"""Shadow requests: a copy goes to another cluster, and nobody waits for its answer (Envoy: shadow_writer_impl.cc)."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from random import random
from typing import Any, TypeAlias

from meshio.errors import MeshError
from meshio.message import Content, Request, Response, Send
from meshio.routing.alteration import compiled
from meshio.routing.commands import NOTHING_KNOWN, Known, request_value
from meshio.routing.domains import without_port
from meshio.routing.route import Mirror

Lookup: TypeAlias = "Callable[[str], Send | None]"
Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]
Launch: TypeAlias = Callable[[Request, Content], None]
BODY_LIMIT = 1024 * 1024  # bytes, Envoy's per-connection buffer; a longer streamed body is not mirrored


def mirror(
    policies: tuple[Mirror, ...], lookup: Lookup, start: Start, known: Known = NOTHING_KNOWN
) -> Callable[[Send], Send]:
    """Wrap a send so that shares of its requests are sent elsewhere, too.

    `lookup` finds the way to a cluster (None: there is none, so nothing is mirrored), `start` runs a shadow
    in the background. Once per request when it is placed outside of the retry. A body that streams is
    collected on its way and mirrored when it has ended; whatever happens to a shadow never matters.
    """
    launches = [launch for policy in policies if (launch := compile_launch(policy, lookup, start, known)) is not None]
    return lambda send: mirrored(send, launches) if launches else send


def mirrored(send: Send, launches: list[Launch]) -> Send:
    async def sending(request: Request) -> Response:
        for launch in launches:
            launch(request, request.body)
        return await send(request)

    return sending


def compile_launch(policy: Mirror, lookup: Lookup, start: Start, known: Known) -> Launch | None:
    find = finder(policy, lookup)
    share = policy.share.numerator / policy.share.denominator
    if find is None or not share:
        return None
    copy, seek = compile_shadow(policy, known), find

    def launch(request: Request, body: Content) -> None:
        if random() >= share:
            return
        target = seek(request)
        if target is None:
            return
        copied = copy(request)
        if isinstance(body, bytes):
            copied.body = body
            start(run(target, copied))
        else:
            request.body = collected(body, copied, lambda whole: start(run(target, whole)))

    return launch


def finder(policy: Mirror, lookup: Lookup) -> Callable[[Request], Send | None] | None:
    """The way that a copy of a request takes; None when there is none for any."""
    if policy.header:
        name = policy.header.encode()
        return lambda request: lookup(named.decode("latin-1")) if (named := request_value(request, name)) else None
    send = lookup(policy.cluster)
    return (lambda request: send) if send is not None else None


def compile_shadow(policy: Mirror, known: Known) -> Callable[[Request], Request]:
    """How a request's twin is made: headers changed, another authority, the mark of an internal request, no body."""
    changes, host = [compiled(step, known) for step in policy.changes], policy.host.encode()
    suffixed = policy.host_suffix

    def shadow(request: Request) -> Request:
        twin = Request(
            request.method,
            request.authority,
            request.path,
            list(request.headers),
            scheme=request.scheme,
            host=request.host,
            port=request.port,
        )
        for change in changes:
            change(twin, None)
        twin.headers.append((b"x-envoy-internal", b"true"))
        if host or suffixed:
            twin.authority = host or with_suffix(request.authority)
        twin.hash = request.hash
        return twin

    return shadow


def with_suffix(authority: bytes) -> bytes:
    """`-shadow` behind the host name."""
    host = without_port(authority)
    return host + b"-shadow" + authority[len(host) :]


async def collected(
    body: AsyncIterable[bytes], copied: Request, launch: Callable[[Request], None]
) -> AsyncIterator[bytes]:
    """Pass the chunks on; launch the shadow when the body has ended within the limit."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size <= BODY_LIMIT:
            chunks.append(chunk)
        else:
            chunks.clear()
        yield chunk
    if size <= BODY_LIMIT:
        copied.body = b"".join(chunks)
        launch(copied)


async def run(send: Send, request: Request) -> None:
    """Send and read to the end, so that the connection can be used again. Failures of a shadow are its own."""
    try:
        response = await send(request)
        async for _ in response.body:
            pass
    except MeshError:
        return
