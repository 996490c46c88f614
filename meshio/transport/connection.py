"""What the pool and the protocols know of each other."""

from asyncio import Task
from typing import Protocol

from meshio.message import Request, Response


class Connection(Protocol):
    """One connection to one host, taken by one exchange at a time.

    `born` and `since` are loop times: when it was made, and since when it is idle. `served` counts
    exchanges. `alive` turns False once the connection can take no further request.
    """

    alive: bool
    born: float
    since: float
    served: int

    async def send(self, request: Request) -> Response:
        """One exchange; returns at the response head. Raises BadRequest, Reset, ProtocolBroken.

        When request and response have both ended, the connection goes back to its owner by itself.
        Cancelling closes it, and so does `aclose()` of a body that is not complete.
        """

    def close(self) -> None:
        """End an idle connection politely."""

    def abort(self) -> None:
        """End it now; an exchange under way fails with Reset."""


class Owner(Protocol):
    """The side of a pool that a connection sees."""

    def release(self, connection: Connection) -> None:
        """The exchange is over and another may follow."""

    def lost(self, connection: Connection) -> None:
        """The connection is gone. Called once."""

    def hold(self, task: Task[None]) -> None:
        """Keep a task that works for an exchange until it has ended."""
