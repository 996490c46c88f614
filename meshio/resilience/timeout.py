"""An end to patience: a route's timeout, from the first byte sent to the last byte received."""

import asyncio
from dataclasses import dataclass

from meshio.errors import RequestError, TimedOut
from meshio.message import Request, Response, Send


@dataclass(frozen=True, slots=True)
class Timeout:
    """seconds   for the whole exchange: every retry, and the body of the response"""

    seconds: float

    def around(self, send: Send) -> Send:
        """Raises TimedOut before the response head; afterwards whoever reads the body gets it."""
        seconds = self.seconds

        async def timed(request: Request) -> Response:
            loop = asyncio.get_running_loop()
            deadline = request.deadline = loop.time() + seconds
            try:
                async with asyncio.timeout_at(deadline):
                    response = await send(request)
            except TimeoutError:
                raise TimedOut(f"no response within {seconds:g} s") from None
            if not response.body.complete:
                bound(response, deadline, TimedOut(f"the response did not end within {seconds:g} s"))
            return response

        return timed


def bound(response: Response, deadline: float, error: RequestError) -> None:
    """Abort the body at the deadline, unless it has ended by then."""
    timer = asyncio.get_running_loop().call_at(deadline, response.body.abort, error)
    response.body.when_done(lambda ended: timer.cancel())
