"""Where snapshots come from: istiod, a folder of YAML, a test."""

from collections.abc import AsyncGenerator
from typing import Protocol

from meshio.mesh.snapshot import Identity, Snapshot


class Source(Protocol):
    """A provider of configuration.

    `identity` is who this process is towards that source. `str(source)` says where it reads from, as in
    `repr(mesh)`. `missing()` says in words why there is no complete snapshot yet: no connection and why,
    or the names of the resources that were never answered; "" when nothing is missing.
    """

    identity: Identity

    def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Complete snapshots, the first as soon as there is one, the next on each change.

        Never raises for what the other side does (it reconnects); closing the generator ends it.
        """

    def missing(self) -> str: ...
