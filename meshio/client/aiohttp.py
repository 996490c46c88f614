"""`MeshConnector`: aiohttp over the mesh. aiohttp's own writer and parser stay; where a request goes is the mesh's.

    async with aiohttp.ClientSession(connector=meshio.MeshConnector(mesh)) as session: ...

A connector is asked once per request, before it is written: it does everything up to that, and counts what
follows. `aiohttp_middleware` adds what needs the response: retries by status, response headers, local replies
for what fails later.
"""

import asyncio
from collections.abc import Awaitable
from typing import NoReturn, Protocol

import aiohttp
from aiohttp import BaseConnector, ClientConnectorError, ClientRequest, ClientResponse, ClientTimeout
from aiohttp.client_middlewares import ClientHandlerType, ClientMiddlewareType
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace
from multidict import CIMultiDict, CIMultiDictProxy

from meshio.client.exchange import Exchange, text
from meshio.client.lending import Unwatched, lending
from meshio.client.spoken import spoken
from meshio.client.wire import Lease, Wire, Wires, judged
from meshio.errors import BadRequest, Closed, RequestError, Reset, TimedOut
from meshio.mesh.branch import Branch, failed, signed
from meshio.mesh.manner import Attempt
from meshio.message import Headers, Response
from meshio.transport.pool import Pools

NO_KEY = ConnectionKey("", None, False, True, None, None, None, None)


class Mesh(Protocol):
    """What is asked of a mesh: its decisions, over connections that are aiohttp's."""

    @property
    def pools(self) -> Pools: ...

    def branch(self, attempt: Attempt) -> Branch: ...


class MeshConnector(BaseConnector):
    """`aiohttp.ClientSession(connector=MeshConnector(mesh))`. To be made inside a running event loop.

    Answers that Envoy would give itself are responses; with `raise_errors` they raise `Unserved`, a
    ClientConnectorError. The cluster's settings bound its connections, not `limit` or `keepalive_timeout`.
    """

    def __init__(self, mesh: Mesh, *, raise_errors: bool = False) -> None:
        super().__init__(limit=0)
        self.mesh = mesh
        self._wires = Wires(mesh.pools)
        branch = self._branch = mesh.branch(lending(self._wires))
        self._send = branch.dispatch if raise_errors else branch.send
        self._raises = raise_errors
        self._chosen: dict[ClientRequest, ResponseHandler] = {}

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Where this request goes. Raises aiohttp's errors: Unserved, ClientConnectionError."""
        if self._closed:
            raise aiohttp.ClientConnectionError("Connector is closed.")
        if self._chosen and (protocol := self._chosen.pop(req, None)) is not None:
            return await self._connection(req, protocol, traces)
        try:
            exchange = Unwatched(req, timeout)
            response = await self._branch.route(exchange)(exchange)
        except RequestError as error:
            response = await self._failed(exchange, error)
        except (BadRequest, Closed) as error:
            refuse(req, error)
        else:
            lease = response.body
            if isinstance(lease, Lease):
                return await self._connection(req, lease.wire, traces) if traces else Lent(self, req, lease.wire)
            signed(exchange, response)
        return await self._connection(req, await spoken(self._loop, req.method, response), traces)

    async def _failed(self, exchange: Exchange, error: RequestError) -> Response:
        if self._raises:
            await asyncio.sleep(0)  # as `Branch.dispatch` does
            raise Unserved(exchange.asked.connection_key, error) from error
        return await failed(exchange, error)

    async def _connection(self, req: ClientRequest, protocol: ResponseHandler, traces: list[Trace]) -> Connection:
        if not isinstance(protocol, Wire):
            return Connection(self, req.connection_key, protocol, self._loop)
        connection = Lent(self, req, protocol)
        if traces and protocol.served > 1:
            await reused(connection, traces)
        return connection

    async def answer(self, asked: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """A request with the middleware: the whole way out and back. Raises aiohttp's errors."""
        try:
            response = await self._send(Watched(asked, asked.session.timeout, self, handler))
        except RequestError as error:
            translate(error, asked.connection_key)
        except (BadRequest, Closed) as error:
            refuse(asked, error)
        if isinstance(response.body, Lease) and response.body.reply is not None:
            rewrite(response.body.reply, response.headers)
            return response.body.reply
        return await self.hand_over(asked, await spoken(self._loop, asked.method, response), handler)

    async def hand_over(
        self, asked: ClientRequest, protocol: ResponseHandler, handler: ClientHandlerType
    ) -> ClientResponse:
        """Let aiohttp send a request over this connection."""
        self._chosen[asked] = protocol
        try:
            return await handler(asked)
        finally:
            if self._chosen.pop(asked, None) is not None:  # another middleware answered by itself
                self._release(asked.connection_key, protocol)

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        """aiohttp is done with a connection."""
        if isinstance(protocol, Wire):
            protocol.give_back(broken=should_close)
        else:
            protocol.close()

    async def close(self, *, abort_ssl: bool = False) -> None:
        """End the connections; the mesh is not the connector's: it stays open."""
        ending: list[Awaitable[object]] = [*self._wires.close(), super().close(abort_ssl=abort_ssl)]
        self._branch.retire()
        await asyncio.gather(*ending, return_exceptions=True)


class Lent(Connection):
    """A wire as aiohttp holds it: given back straight to its pool. Its key is made for who looks at it."""

    def __init__(self, connector: MeshConnector, asked: ClientRequest, wire: Wire) -> None:
        super().__init__(connector, NO_KEY, wire, asked.loop)
        self._asked = asked
        self._wire = wire

    def __repr__(self) -> str:
        return f"Connection<{self._asked.connection_key}>"

    def release(self) -> None:
        if self._protocol is not None:
            if self._callbacks:
                self._notify_release()
            self._wire.give_back(broken=False)
            self._protocol = None


class Watched(Exchange):
    """A request whose response head comes back through the mesh."""

    __slots__ = ("_connector", "_handler")

    def __init__(
        self, asked: ClientRequest, timeout: ClientTimeout, connector: MeshConnector, handler: ClientHandlerType
    ) -> None:
        super().__init__(asked, timeout)
        self._connector = connector
        self._handler = handler

    async def over(self, wire: Wire) -> Response:
        """Raises Reset, ProtocolBroken; what else goes wrong is aiohttp's or the caller's own."""
        if self.record.attempts > 1:
            await self.asked.close()  # the body of the last attempt
        self.dress()
        lease = wire.lend()
        try:
            reply = await self._connector.hand_over(self.asked, wire, self._handler)
        except ClientConnectorError:
            raise
        except aiohttp.ClientError as error:
            cause = error.__cause__ if isinstance(error.__cause__, HttpProcessingError) else error
            if (ours := judged(cause, wire.peer)) is None:
                raise
            raise ours from error
        finally:
            self.note_consumed()
        lease.reply = reply
        headers = [(name.lower(), value) for name, value in reply.raw_headers]
        lease.response = Response(reply.status, headers, lease, self.record)
        return lease.response


class Unserved(ClientConnectorError):
    """The mesh could not serve a request; nothing was sent. `flag` and `status` are Envoy's."""

    def __init__(self, key: ConnectionKey, error: RequestError) -> None:
        super().__init__(key, OSError(0, str(error)))
        self.flag = error.flag
        self.status = error.status

    def __str__(self) -> str:
        return f"{self.flag}: {self.os_error.strerror}"


def aiohttp_middleware(mesh: Mesh) -> ClientMiddlewareType:
    """`ClientSession(connector=MeshConnector(mesh), middlewares=[aiohttp_middleware(mesh)])`.

    Does what a connector cannot: retries after a response or a reset, changes of response headers, and timeouts
    and resets as the responses that Envoy would give.
    """

    async def middleware(asked: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        connector = asked.session.connector
        if not isinstance(connector, MeshConnector) or connector.mesh is not mesh:
            raise RuntimeError("aiohttp_middleware(mesh) needs a session with connector=MeshConnector(mesh)")
        return await connector.answer(asked, handler)

    return middleware


async def reused(connection: Connection, traces: list[Trace]) -> None:
    """Tell who traces; what they raise ends the exchange."""
    try:
        for trace in traces:
            await trace.send_connection_reuseconn()
    except BaseException:
        connection.close()
        raise


def rewrite(reply: ClientResponse, headers: Headers) -> None:
    """Let a response have these headers. aiohttp has no way to say this: it holds them in these attributes."""
    changed: CIMultiDict[str] = CIMultiDict([(name.decode(), text(value)) for name, value in headers])
    reply._headers = CIMultiDictProxy(changed)
    reply._raw_headers = tuple(headers)
    reply._cache.pop("headers", None)
    reply._cache.pop("raw_headers", None)
    reply._raw_cookie_headers = tuple(changed.getall("set-cookie", ())) or None


def translate(error: RequestError, key: ConnectionKey) -> NoReturn:
    """Our error as aiohttp's."""
    words = f"{error.flag}: {error}"
    if isinstance(error, TimedOut):
        raise aiohttp.ServerTimeoutError(words) from error
    if isinstance(error, Reset):
        raise aiohttp.ServerDisconnectedError(words) from error
    raise Unserved(key, error) from error


def refuse(asked: ClientRequest, error: BadRequest | Closed) -> NoReturn:
    if isinstance(error, Closed):
        raise aiohttp.ClientConnectionError("the mesh is not running (or not any more)") from error
    raise aiohttp.InvalidURL(asked.url, str(error)) from error
