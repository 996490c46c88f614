"""What a source tells: the latest complete snapshot, without the tears that a control plane's order of types makes."""

import asyncio

from meshio.mesh.resolve import orphans
from meshio.mesh.snapshot import Snapshot


class Outlet:
    """The latest snapshot and an event for whoever waits for the next.

    istiod says that a cluster is gone before it sends the routes that no longer lead there. Such a snapshot waits
    for the routes, `grace` seconds at most: a route to a cluster that is really gone has to fail in the end.
    """

    def __init__(self, grace: float) -> None:
        self.latest: Snapshot | None = None
        self.changed = asyncio.Event()
        self._grace = grace
        self._waiting: asyncio.TimerHandle | None = None

    def offer(self, snapshot: Snapshot) -> None:
        """Tell it now, or when what still leads nowhere has followed. The last one offered counts."""
        began = self._waiting.when() - self._grace if self._waiting else asyncio.get_running_loop().time()
        self.close()
        if self.latest is None or not orphans(self.latest, snapshot):
            self._tell(snapshot)
        else:
            self._waiting = asyncio.get_running_loop().call_at(began + self._grace, self._tell, snapshot)

    def close(self) -> None:
        """What waits is not told."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _tell(self, snapshot: Snapshot) -> None:
        self._waiting = None
        self.latest = snapshot
        self.changed.set()
