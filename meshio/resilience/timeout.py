"""An end to patience: a route's timeout, from the last byte of the request to the last byte of the response."""

import asyncio
from dataclasses import dataclass

from meshio.errors import TimedOut
from meshio.message import Request, Response, Send
from meshio.resilience.deadlines import Deadlines
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
        seconds, status, deadlines = self.seconds, self.status, Deadlines(self.seconds)

        async def timed(request: Request) -> Response:
            if watched(request.body):
                return await uploading(send, request, seconds, status)
            wait = deadlines.begin()
            request.deadline = wait.due
            try:
                response = await send(request)
            except BaseException as error:
                deadlines.end(wait)
                if wait.ended(error):
                    raise alternative(TimedOut(f"no response within {seconds:g} s"), status) from None
                raise
            if response.body.complete:
                deadlines.end(wait)
            else:
                wait.go_on(response, TimedOut(f"the response did not end within {seconds:g} s"))
                response.body.when_done(lambda error: deadlines.end(wait))
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
