"""The native client: the shortest way from a call to the wire, with names that an httpx user can guess."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypedDict, Unpack

import orjson

from meshio.client.notes import take_notes
from meshio.client.reply import Reply
from meshio.client.url import METHODS, HeaderTypes, ParamTypes, encode_headers, split_url, take_host
from meshio.errors import BadRequest, RequestError
from meshio.memo import Memo
from meshio.mesh.branch import failed
from meshio.message import Content, Request, Response, Send
from meshio.resilience.deadlines import Deadlines

Answer: TypeAlias = Coroutine[Any, Any, Reply]

USER_AGENT = (b"user-agent", b"meshio")
JSON = (b"content-type", b"application/json")
WATCHED = frozenset({b"content-type", b"host", b"user-agent"})


class Parts(TypedDict, total=False):
    """What a request is made of, beside method and URL.

    headers   mapping or pairs; a `host` header is the authority that routes see
    params    added to the URL's query
    content   bytes, str or an async iterable of bytes, which is streamed
    json      encoded with orjson; sets content-type
    metadata, filter_state   what routes may ask beside the request, see `message.Notes`
    """

    headers: HeaderTypes
    params: ParamTypes
    content: Content | str
    json: Any
    metadata: Mapping[str, Mapping[str, object]]
    filter_state: Mapping[str, str]


class Options(Parts, total=False):
    """What every request method takes.

    timeout   seconds for the whole call, on top of the mesh's own timeouts; raises TimeoutError
    """

    timeout: float | None


def build(
    method: str,
    url: str,
    *,
    headers: HeaderTypes | None = None,
    params: ParamTypes | None = None,
    content: Content | str | None = None,
    json: Any = None,
    metadata: Mapping[str, Mapping[str, object]] | None = None,
    filter_state: Mapping[str, str] | None = None,
) -> Request:
    """The request as the mesh takes it. Raises BadRequest."""
    (scheme, host, port, authority), path = split_url(url, params)
    pairs = encode_headers(headers)
    given: list[bytes] = []
    for name, _ in pairs:
        if name in WATCHED:
            given.append(name)
    if b"host" in given:
        named, pairs = take_host(pairs)
        authority = named or authority
    if b"user-agent" not in given:
        pairs.append(USER_AGENT)
    body: Content = b""
    if json is not None:
        body = encode_json(json, content)
        if b"content-type" not in given:
            pairs.append(JSON)
    elif content is not None:
        body = encode_content(content)
    request = Request(METHODS[method], authority, path, pairs, body, scheme=scheme, host=host, port=port)
    if metadata is not None or filter_state is not None:
        request.notes = take_notes(metadata, filter_state)
    return request


def encode_json(value: Any, content: Content | str | None) -> bytes:
    if content is not None:
        raise BadRequest("give either content= or json=, not both")
    return orjson.dumps(value)


def encode_content(content: Content | str) -> Content:
    match content:
        case bytes() | AsyncIterable():
            return content
        case str():
            return content.encode()
        case bytearray() | memoryview():
            return bytes(content)
    kind = type(content).__name__
    raise BadRequest(f"content= takes bytes, str or an async iterable of bytes, not {kind}; json= takes the rest")


class Lengths(Memo[float, Deadlines]):
    """Programs give the same few timeouts again and again."""

    def __missing__(self, seconds: float) -> Deadlines:
        return self.keep(seconds, Deadlines(seconds))


class Client:
    """Request methods over `send`. `request` and its short forms read the body; `stream` leaves it to you."""

    def __init__(self) -> None:
        self._deadlines = Lengths()

    def route(self, request: Request) -> Send:
        """The way that a request goes. Raises NoRoute; what the way gives has still to be `signed`."""
        raise NotImplementedError

    def send(self, request: Request) -> Coroutine[Any, Any, Response]:
        """One request through the mesh, in the mesh's own terms. Failures inside it are responses."""
        raise NotImplementedError

    def request(self, method: str, url: str, **options: Unpack[Options]) -> Answer:
        """Send a request and read the whole answer.

        Raises BadRequest (URL, options), Closed (the mesh is not running), TimeoutError (`timeout=`), and
        RequestError when the upstream cuts the body short. What Envoy would answer itself is a Reply.
        """
        return self._begin(method, url, options)

    def _begin(self, method: str, url: str, options: Options) -> Answer:
        limit = options.pop("timeout", None) if "timeout" in options else None
        parts: Parts = options
        request = build(method, url, **parts)
        return self._answer(request) if limit is None else self._in_time(request, limit)

    async def _in_time(self, request: Request, seconds: float) -> Reply:
        deadlines = self._deadlines[seconds]
        wait = deadlines.begin()
        try:
            return await self._answer(request)
        except BaseException as error:
            if wait.ended(error):
                raise TimeoutError(f"no answer within {seconds:g} s") from None
            raise
        finally:
            deadlines.end(wait)

    async def _answer(self, request: Request) -> Reply:
        try:
            response = await self.route(request)(request)
        except RequestError as error:
            reply = Reply(await failed(request, error))
        else:
            reply = Reply(response, request)
        if reply._content is None:
            await reply.read()
        return reply

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Unpack[Options]) -> AsyncIterator[Reply]:
        """Send a request and hand out the answer as soon as its head is there.

        Leaving the block gives up what was not read. `timeout` covers the whole block.
        """
        limit = options.pop("timeout", None)
        parts: Parts = options
        request = build(method, url, **parts)
        async with asyncio.timeout(limit):
            reply = Reply(await self.send(request))
            try:
                yield reply
            finally:
                await reply.aclose()

    def get(self, url: str, **options: Unpack[Options]) -> Answer:
        """GET; see `request`."""
        return self._begin("GET", url, options)

    def head(self, url: str, **options: Unpack[Options]) -> Answer:
        """HEAD; see `request`."""
        return self._begin("HEAD", url, options)

    def options(self, url: str, **options: Unpack[Options]) -> Answer:
        """OPTIONS; see `request`."""
        return self._begin("OPTIONS", url, options)

    def post(self, url: str, **options: Unpack[Options]) -> Answer:
        """POST; see `request`."""
        return self._begin("POST", url, options)

    def put(self, url: str, **options: Unpack[Options]) -> Answer:
        """PUT; see `request`."""
        return self._begin("PUT", url, options)

    def patch(self, url: str, **options: Unpack[Options]) -> Answer:
        """PATCH; see `request`."""
        return self._begin("PATCH", url, options)

    def delete(self, url: str, **options: Unpack[Options]) -> Answer:
        """DELETE; see `request`."""
        return self._begin("DELETE", url, options)
