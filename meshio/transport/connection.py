"""What the pool and the protocols know of each other."""

from asyncio import Task
from collections.abc import Awaitable
from typing import Protocol

from meshio.message import Request, Response


class Connection(Protocol):
    """One connection to one host, taken by one exchange at a time.

    `born` and `since` are loop times: when it was made, and since when it is idle. `served` counts
    exchanges. `alive` turns False once the connection can take no further request. `busy` is its owner's note that
    it was taken.
    """

    alive: bool
    born: float
    busy: bool
    since: float
    served: int

    def send(self, request: Request) -> Awaitable[Response]:
        """One exchange; the response is there at its head. Raises BadRequest, Reset, ProtocolBroken.

        When request and response have both ended, the connection goes back to its owner by itself. Who
        does not wait for the response to the end, says so with `abandon`.
        """

    def abandon(self, request: Request) -> None:
        """Nobody waits for the response to this request any more: close, if its exchange is under way.

        `aclose()` of a body that is not complete does the same, later.
        """

    def close(self) -> None:
        """End an idle connection politely."""

    def abort(self) -> None:
        """End it now; an exchange under way fails with Reset."""


class Owner(Protocol):
    """The side of a pool that a connection sees."""

    def release(self, connection: Connection) -> None:
        """The exchange is over; another may follow, unless the connection is not alive."""

    def lost(self, connection: Connection) -> None:
        """The connection is gone. Called once."""

    def hold(self, task: Task[None]) -> None:
        """Keep a task that works for an exchange until it has ended."""
