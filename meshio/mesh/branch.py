"""The plan in service, over one way of reaching hosts.

The mesh has one of its own; a library that brings its own connections gets another. All share upstreams,
counters and updates: only the attempt at one host differs (`forward.Composer`).
"""

import asyncio
from time import time

from meshio.errors import Closed, RequestError
from meshio.mesh.forward import Composer
from meshio.mesh.plan import Locator, Plan
from meshio.mesh.snapshot import Snapshot
from meshio.message import Request, Response, Send
from meshio.routing.local_reply import local_reply, stamped


def unpublished(request: Request) -> Send:
    raise Closed("the mesh is not running: use it inside `async with`")


async def failed(request: Request, error: RequestError) -> Response:
    """The response that Envoy would give."""
    await asyncio.sleep(0)  # see `forward.answered`
    return stamped(local_reply(error, request), time())


def signed(request: Request, response: Response) -> Response:
    """The last that happens to an answer."""
    if request.sign is not None:
        request.sign(request, response)
    return response


class Branch:
    """Requests in, answers out. `follow` keeps it current and never awaits."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.plan: Plan | None = None
        self.route = unpublished

    async def send(self, request: Request) -> Response:
        """Send a request; failures inside the mesh come back as the response that Envoy would give."""
        try:
            response = await self.route(request)(request)
        except RequestError as error:
            return await failed(request, error)
        return signed(request, response)

    async def dispatch(self, request: Request) -> Response:
        """Send a request; failures inside the mesh raise their RequestError."""
        try:
            response = await self.route(request)(request)
        except RequestError:
            await asyncio.sleep(0)
            raise
        return signed(request, response)

    def follow(self, snapshot: Snapshot, locator: Locator, anew: bool = False) -> None:
        """Take over what has changed; `anew` compiles all of it."""
        self.plan = Plan(snapshot, locator, self.composer, None if anew else self.plan)
        self.route = self.plan.route

    def retire(self) -> None:
        """Take no more requests."""
        self.route = unpublished
