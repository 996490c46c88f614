"""A control plane that does what the script of a test says."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Self

import grpclib.server
from grpclib.const import Cardinality, Handler

from meshio.testing.stream import GrpcStream, ScriptedStream
from meshio.xds.bootstrap import Bootstrap, Node, Server
from meshio.xds.stream import INCREMENTAL, WHOLE, Octets

NODE = Node("sidecar~127.0.0.1~test.default~default.svc.cluster.local", "test.default", {"NAMESPACE": "default"})


class ControlPlane:
    """An ADS server that does nothing by itself.

    incremental, whole   whether it knows the method of that dialect
    tls                  the server's side of TLS; None is plaintext
    """

    def __init__(self, *, incremental: bool = True, whole: bool = True, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._methods = {INCREMENTAL: incremental, WHOLE: whole}
        self._accepted: asyncio.Queue[ScriptedStream] = asyncio.Queue()
        self._open: set[ScriptedStream] = set()
        self.port = 0

    def __mapping__(self) -> dict[str, Handler]:
        """grpclib's way to ask what is served."""
        return {
            method: Handler(self._method(method), Cardinality.STREAM_STREAM, bytes, bytes)
            for method, served in self._methods.items()
            if served
        }

    def _method(self, method: str) -> Callable[[GrpcStream], Coroutine[Any, Any, None]]:
        async def serve(stream: GrpcStream) -> None:
            scripted = ScriptedStream(stream, incremental=method == INCREMENTAL)
            self._open.add(scripted)
            self._accepted.put_nowait(scripted)
            try:
                await scripted.serve()
            finally:
                self._open.discard(scripted)

        return serve

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        """Start, on the port of last time where there was one."""
        self._server = grpclib.server.Server([self], codec=Octets())
        listening = socket.socket(proto=socket.IPPROTO_TCP)  # said aloud, or asyncio leaves Nagle's delay on
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        await self._server.start(sock=listening, ssl=self._tls)

    async def stop(self) -> None:
        """Break every connection and close the port."""
        for stream in list(self._open):
            stream.cut()
        self._server.close()
        await self._server.wait_closed()

    async def accept(self) -> ScriptedStream:
        """The next stream that a client opens."""
        return await self._accepted.get()

    def bootstrap(self, port: int | None = None) -> Bootstrap:
        """For a source that is to talk to this control plane, or to a relay in front of it."""
        return Bootstrap(Server("127.0.0.1", port or self.port), NODE, "test")
