"""Shadow requests: a copy goes to another cluster, and nobody waits for its answer (Envoy: shadow_writer_impl.cc)."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from random import random
from typing import Any, TypeAlias

from meshio.errors import MeshError
from meshio.message import Content, Request, Response, Send
from meshio.routing.domains import without_port
from meshio.routing.route import Mirror

Lookup: TypeAlias = "Callable[[str], Send | None]"
Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]
Launch: TypeAlias = Callable[[Request, Content], None]
BODY_LIMIT = 1024 * 1024  # bytes, Envoy's per-connection buffer; a longer streamed body is not mirrored


def mirror(policies: tuple[Mirror, ...], lookup: Lookup, start: Start) -> Callable[[Send], Send]:
    """Wrap a send so that shares of its requests are sent elsewhere, too.

    `lookup` finds the way to a cluster (None: there is none, so nothing is mirrored), `start` runs a shadow
    in the background. Once per request when it is placed outside of the retry. A body that streams is
    collected on its way and mirrored when it has ended; whatever happens to a shadow never matters.
    """
    launches = [launch for policy in policies if (launch := compile_launch(policy, lookup, start)) is not None]
    return lambda send: mirrored(send, launches) if launches else send


def mirrored(send: Send, launches: list[Launch]) -> Send:
    async def sending(request: Request) -> Response:
        for launch in launches:
            launch(request, request.body)
        return await send(request)

    return sending


def compile_launch(policy: Mirror, lookup: Lookup, start: Start) -> Launch | None:
    send = lookup(policy.cluster)
    share = policy.share.numerator / policy.share.denominator
    if send is None or not share:
        return None
    target = send

    def launch(request: Request, body: Content) -> None:
        if random() >= share:
            return
        copied = shadow(request, policy.host_suffix)
        if isinstance(body, bytes):
            copied.body = body
            start(run(target, copied))
        else:
            request.body = collected(body, copied, lambda whole: start(run(target, whole)))

    return launch


def shadow(request: Request, host_suffix: bool) -> Request:
    """The request's twin: `-shadow` behind the host name, the mark of an internal request, no body yet."""
    host = without_port(request.authority)
    authority = host + b"-shadow" + request.authority[len(host) :] if host_suffix else request.authority
    headers = [*request.headers, (b"x-envoy-internal", b"true")]
    twin = Request(
        request.method, authority, request.path, headers, scheme=request.scheme, host=request.host, port=request.port
    )
    twin.hash = request.hash
    return twin


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
