"""Tries of requests of which the mesh sees no more than status and end: aiohttp sends them and reads the answers.

What `attempt` does for every request, for these in one step: no answer to look at, and the exchange counts itself out.
"""

from dataclasses import replace
from time import monotonic

from meshio.client.attempt import Renew, admitted, attempts, broken_off, failing
from meshio.client.exchange import Exchange
from meshio.client.wire import Lease, Wire, Wires
from meshio.errors import RequestError, Unbuilt
from meshio.mesh.manner import Attempt, Manner
from meshio.message import Request, Response, Send
from meshio.resilience.outlier import ANSWERED, BROKEN
from meshio.resilience.tries import UNLIMITED
from meshio.upstream.host import Host
from meshio.upstream.upstream import NO_OUTCOME, Upstream


def lending(wires: Wires) -> Attempt:
    """How the mesh tries a host over aiohttp's connections."""
    usual = attempts(wires)

    def how(upstream: Upstream, manner: Manner) -> Send:
        send = usual(upstream, manner)
        odd = manner.session or manner.endpoint_host or manner.picky is not None or manner.limits != UNLIMITED
        odd = odd or bool(manner.filters)
        return send if odd else lend(upstream, wires.high() if manner.high else wires, manner, send)

    return how


def lend(upstream: Upstream, wires: Wires, manner: Manner, usual: Send) -> Send:
    """Pick a host and lend its connection; `usual` for other requests."""
    admit, idle, connect, renew = upstream.admit, wires.take, wires.dial, wires.renew
    fail = failing(upstream, renew)
    avoid, turn = manner.avoid, None
    if manner.turn is not None:
        alone = replace(manner, turn=None)
        turn = manner.turn(lend(upstream, wires, alone, attempts(wires)(upstream, alone)))

    async def send(request: Request) -> Response:
        if not isinstance(request, Unwatched):
            return await usual(request)
        if turn is not None and request.body != b"":
            turn.prepare(request)
        record = request.record
        record.cluster = upstream.name
        try:
            host = admit(request, avoid)
        except Unbuilt:
            host = await admitted(upstream, admit, request, avoid)
        record.attempts += 1
        record.endpoint = host.name
        began, wire = monotonic(), None
        try:
            request.dress()
            wire = idle(host, request)
            if wire is None:
                wire = await connect(host.home or upstream, host, request)
                wire.check()
        except BaseException as error:
            fail(request, host, wire, error, began)
            if turn is None or not isinstance(error, RequestError):
                raise
            failure = error
        else:
            record.details = "via_upstream"
            wire.served += 1
            loan = wire.lease = Loan(wire, upstream, host, began, renew)
            response = loan.response = Response(NO_OUTCOME, [], loan, record)
            return response
        assert turn is not None
        return await turn.follow(request, failure)

    return send


class Unwatched(Exchange):
    """A request of which the mesh sees no more than when its connection is given back."""

    __slots__ = ()

    async def over(self, wire: Wire) -> Response:
        self.dress()
        lease = wire.lend()
        response = lease.response = Response(NO_OUTCOME, [], lease, self.record)
        return response


class Loan(Lease):
    """An exchange that counts itself out."""

    __slots__ = ("_began", "_host", "_renew", "_upstream")

    def __init__(self, wire: Wire, upstream: Upstream, host: Host, began: float, renew: Renew) -> None:
        Lease.__init__(self, wire)
        self._upstream = upstream
        self._host = host
        self._began = began
        self._renew = renew

    def count(self, response: Response, error: RequestError | None) -> None:
        now, status, kind = monotonic(), response.status, ANSWERED
        if error is not None:
            broken_off(response.record, error)
            status, kind = error.status, BROKEN
        if self._upstream.settle(self._host, status, kind, now - self._began, now):
            self._renew(self._host)
