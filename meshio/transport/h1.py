"""HTTP/1.1 over one connection: bytes and exchanges.

A warm exchange is one write, one future and, for a small answer, one `data_received`: no task, no timer, no
lock. Only bodies that are sent piece by piece get a task (`transport/upload.py`), which the pool holds.
"""

import asyncio
from asyncio import AbstractEventLoop, Future, Task
from typing import cast

from meshio.errors import BadRequest, ConnectFailed, ProtocolBroken, RequestError, Reset
from meshio.message import Body, Request, Response
from meshio.transport.body import Stream
from meshio.transport.connection import Owner
from meshio.transport.flow import Flow
from meshio.transport.incoming import LARGE, Incoming
from meshio.transport.spelling import compile_head
from meshio.transport.upload import expects_continue, upload
from meshio.upstream.cluster import HttpOptions

INLINE = 16 * 1024  # bodies up to this size go out in one write with the head
PATIENCE = 1.0  # seconds to wait for 100 Continue before sending anyway; curl's default


class H1(asyncio.Protocol):
    """One HTTP/1.1 connection; see `transport.connection.Connection`.

    `_request` is the exchange under way, None while idle. `_answer` gets the response head, `_upload`
    sends a body in pieces (`_handed`: all of them were written), `_consent` waits for 100 Continue,
    `_drained` for the peer to read. `_flow` reads while a long body arrives.
    """

    __slots__ = (
        "_answer", "_consent", "_drained", "_flow", "_full", "_handed", "_head", "_incoming", "_loop", "_owner",
        "_peer", "_request", "_transport", "_upload", "alive", "born", "busy", "served", "since",
    )  # fmt: skip

    def __init__(self, loop: AbstractEventLoop, owner: Owner, peer: str, http: HttpOptions) -> None:
        self._loop = loop
        self._owner = owner
        self._peer = peer
        self._incoming = Incoming(peer, http.max_headers_kb * 1024, http.max_headers)
        self._head = compile_head(http)
        self._request: Request | None = None
        self._answer: Future[Response] | None = None
        self._upload: Task[None] | None = None
        self._consent: Future[None] | None = None
        self._drained: Future[None] | None = None
        self._full = False
        self._handed = False
        self._flow: Flow | None = None
        self.alive = self.busy = False
        self.born = self.since = loop.time()
        self.served = 0

    def send(self, request: Request) -> Future[Response]:
        """One exchange. Raises BadRequest (nothing was sent), ConnectFailed (likewise), Reset, ProtocolBroken."""
        if not self.alive:
            raise ConnectFailed(f"{self._peer} closed the connection before it was used", "connection closed")
        assert self._request is None, "a connection carries one exchange at a time"
        try:
            head = self._head(request)
        except BadRequest:
            self._owner.release(self)
            raise
        self._request = request
        self._incoming.begin(request.method)
        self._answer = answer = self._loop.create_future()
        self.served += 1
        if request.body == b"":
            self._transport.write(head)
        else:
            self._write_with_body(head, request)
        return answer

    def abandon(self, request: Request) -> None:
        """Whoever waited for the response has given up; the exchange may be under way still."""
        if self._request is request:
            self.abort()

    def _write_with_body(self, head: bytes, request: Request) -> None:
        body = request.body
        if isinstance(body, bytes) and len(body) <= INLINE and not expects_continue(request):
            self._transport.write(head + body)
            return
        self._transport.write(head)
        self._handed = False
        self._upload = task = self._loop.create_task(upload(self, request))
        self._owner.hold(task)
        task.add_done_callback(self._uploaded)

    def _uploaded(self, task: Task[None]) -> None:
        """The body has gone, or cannot go: then what went wrong with it is what the caller hears."""
        if task.cancelled():
            return
        error = task.exception()
        if task is not self._upload:
            return  # the exchange was over before: it has its answer
        self._upload = None
        if error is None:
            return
        answer = self._answer
        if answer is not None and not answer.done():
            answer.set_exception(error)
        failure = Reset("the request's body could not be sent")
        failure.__cause__ = error
        self._fail(failure)

    # What upload.Sink asks for

    def write(self, data: bytes | memoryview) -> None:
        self._transport.write(data)

    def handed_over(self) -> None:
        self._handed = True

    async def writable(self) -> None:
        if self._full:
            self._drained = self._loop.create_future()
            await self._drained

    async def go_ahead(self) -> None:
        if self._incoming.consented:
            return
        self._consent = consent = self._loop.create_future()
        timer = self._loop.call_later(PATIENCE, settle, consent)
        try:
            await consent
        finally:
            timer.cancel()

    # What body.Faucet asks for

    def pause(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        if self.alive:
            self._transport.resume_reading()

    def close(self) -> None:
        """End an idle connection politely."""
        self.alive = False
        self._transport.close()

    def abort(self) -> None:
        """End the connection now; who waits for it gets Reset."""
        self._fail(Reset(f"the connection to {self._peer} was closed by this side"))

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.alive = True

    def data_received(self, data: bytes) -> None:
        request, incoming = self._request, self._incoming
        if request is None:
            self._fail(ProtocolBroken(f"{self._peer} sent something that nobody asked for"))
            return
        if (whole := incoming.repeat(data)) is not None:
            status, headers, body = whole
            self._conclude(request, Response(status, headers, body, request.record), reusable=True)
            return
        try:
            incoming.feed(data)
        except ProtocolBroken as error:
            self._fail(error)
            return
        if incoming.ended:
            self._finish()
        elif incoming.headed:
            if incoming.stream is None:
                self._begin_stream(incoming)
            if len(data) > LARGE and self._flow is None:
                self._flow = Flow(self, incoming.pour)
                self._transport.set_protocol(self._flow)
        elif incoming.consented and self._consent is not None:
            settle(self._consent)

    def eof_received(self) -> None:
        if self._request is not None and self._incoming.eof():
            self._finish()
        else:
            self._fail(self._lost(f"{self._peer} closed the connection{self._progress()}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(self._lost(f"the connection to {self._peer} was lost{self._progress()}: {error or 'closed'}"))
        self._incoming.release()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._drained is not None:
            settle(self._drained)

    # How an exchange ends

    def _begin_stream(self, incoming: Incoming) -> None:
        """The head has arrived, the body has not: hand out the response, and the body as it comes."""
        incoming.stream = stream = Stream(self._loop, self)
        for chunk in incoming.chunks:
            stream.feed(chunk)
        incoming.chunks = []
        request, answer = self._request, self._answer
        assert request is not None
        if answer is not None and not answer.done():
            answer.set_result(Response(incoming.status, incoming.headers, stream, request.record))

    def _finish(self) -> None:
        """The response is complete."""
        incoming, request, response = self._incoming, self._request, None
        assert request is not None
        stream, incoming.stream = incoming.stream, None
        flow, self._flow = self._flow, None
        if flow is not None:
            self._transport.set_protocol(self)
            flow.end()
        if stream is None:
            chunks, incoming.chunks = incoming.chunks, []  # an idle connection keeps nothing
            data = b"".join(chunks) if len(chunks) != 1 else bytes(chunks[0])
            body = Body(data, incoming.trailers) if incoming.trailers else data
            response = Response(incoming.status, incoming.headers, body, request.record)
        self._conclude(request, response, incoming.reusable)
        if stream is not None:
            stream.finish(incoming.trailers or [])

    def _conclude(self, request: Request, response: Response | None, reusable: bool) -> None:
        """The exchange is over. The connection is free again before anybody hears of it."""
        answer = self._answer
        self._request = self._answer = None
        if response is not None and answer is not None and not answer.done():
            answer.set_result(response)
        if reusable and self.alive and (request.body == b"" or self._sent()):
            self._owner.release(self)
        else:
            self._shut()

    def _sent(self) -> bool:
        """Whether all of the request's body has gone. Who wrote it may not have ended yet: he is let go then."""
        if self._transport.get_write_buffer_size() or (self._upload is not None and not self._handed):
            return False
        self._upload = None
        return True

    def _fail(self, error: RequestError) -> None:
        """The connection is of no use any more, and neither is the exchange on it."""
        answer, stream = self._answer, self._incoming.stream
        self._request = self._answer = self._flow = None
        self._shut()
        if stream is not None:
            stream.fail(error)
        elif answer is not None and not answer.done():
            answer.set_exception(error)

    def _shut(self) -> None:
        self.alive = False
        self._transport.abort()
        self._owner.release(self)
        if self._upload is not None:
            self._upload.cancel()

    def _lost(self, words: str) -> RequestError:
        """Half a response is a protocol error, however the connection ended (codec_client.cc)."""
        return ProtocolBroken(words) if self._incoming.started else Reset(words)

    def _progress(self) -> str:
        """How far the response had come, for error texts."""
        incoming = self._incoming
        if incoming.headed:
            return " in the middle of the body"
        return " in the middle of the headers" if incoming.started else " before it answered"


def settle(future: Future[None]) -> None:
    """Wake who waits, if anybody still does."""
    if not future.done():
        future.set_result(None)
