"""An end to patience: a route's timeout, from the last byte of the request to the last byte of the response."""

import asyncio
from dataclasses import dataclass

from meshio.errors import RequestError, TimedOut
from meshio.message import Request, Response, Send
from meshio.resilience.expiry import Limit, Patience, alternative, watched


@dataclass(frozen=True, slots=True)
class Timeout:
    """seconds   for the whole exchange, every retry and the body of the response, once all of the request is sent

    status   of the answer when it ends; 204 is what `x-envoy-upstream-rq-timeout-alt-response` asks for
    """

    seconds: float
    status: int = 504

    def around(self, send: Send) -> Send:
        """Raises TimedOut before the response head; afterwards whoever reads the body gets it."""
        seconds, status = self.seconds, self.status

        async def timed(request: Request) -> Response:
            if watched(request.body):
                return await uploading(send, request, seconds, status)
            loop = asyncio.get_running_loop()
            deadline = request.deadline = loop.time() + seconds
            try:
                async with asyncio.timeout_at(deadline):
                    response = await send(request)
            except TimeoutError:
                raise alternative(TimedOut(f"no response within {seconds:g} s"), status) from None
            if not response.body.complete:
                bound(response, deadline, TimedOut(f"the response did not end within {seconds:g} s"))
            return response

        return timed


async def uploading(send: Send, request: Request, seconds: float, status: int) -> Response:
    """The clock starts when the last piece of the request has been read."""
    loop = asyncio.get_running_loop()

    def fail(uploaded: bool) -> TimedOut:
        return alternative(TimedOut(f"no response within {seconds:g} s after the request"), status)

    def uploaded() -> None:
        request.deadline = loop.time() + seconds

    return await Patience(loop, (), (Limit(seconds, fail),), uploaded).exchange(send, request)


def bound(response: Response, deadline: float, error: RequestError) -> None:
    """Abort the body at the deadline, unless it has ended by then."""
    timer = asyncio.get_running_loop().call_at(deadline, response.body.abort, error)
    response.body.when_done(lambda ended: timer.cancel())
