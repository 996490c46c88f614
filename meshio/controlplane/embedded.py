"""The control plane inside the process: a folder of Istio YAML as a source of snapshots, without any network."""

import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

from meshio.controlplane.compile import compile_snapshot, reuse
from meshio.controlplane.documents import Documents
from meshio.controlplane.watch import INTERVAL, Folder
from meshio.errors import Rejected
from meshio.mesh.snapshot import EMPTY, Identity, Snapshot, Version
from meshio.upstream.endpoint import NOWHERE, Locality

log = logging.getLogger("meshio.controlplane")


class EmbeddedSource:
    """A `Source` over a folder of YAML; changes of the files are in service within half a second.

    identity, labels, locality   of the workload that this process is: they decide what it may see, as in Istio
    """

    def __init__(
        self,
        directory: Path | str,
        identity: Identity | None = None,
        labels: Mapping[str, str] | None = None,
        locality: Locality = NOWHERE,
        interval: float = INTERVAL,
    ) -> None:
        self.identity = identity or Identity()
        self._labels = labels or {}
        self._locality = locality
        self._folder = Folder(directory, interval)
        self._latest = EMPTY
        self._readings = 0

    def __str__(self) -> str:
        return f"{self._folder.directory} (Istio YAML)"

    def missing(self) -> str:
        """In words; "" once there is a snapshot."""
        if self._readings:
            return ""
        refused = "".join(f"\n  {problem}" for problem in self._folder.problems if problem.refuses)
        return f"nothing in {self._folder.directory} can be served{refused}"

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """One now, and one for each change. Waits where the folder is empty."""
        self._folder.read()
        if self._compile():
            yield self._latest
        async with aclosing(self._folder.changes()) as changes:
            async for _ in changes:
                if self._compile():
                    yield self._latest

    def _compile(self) -> bool:
        """True when there is a new snapshot, in which everything that did not change is the object it was."""
        if self._folder.documents == Documents():
            return False
        try:
            snapshot, problems = compile_snapshot(self._folder.documents, self.identity, self._labels, self._locality)
        except Rejected as error:
            log.error("%s: %s", self._folder.directory, error)
            return False
        for problem in problems:
            log.warning("%s", problem)
        self._readings += 1
        version = Version(str(self._readings), time.time())
        self._latest = stamp(self._latest, reuse(self._latest, snapshot), version)
        return True


def stamp(old: Snapshot, new: Snapshot, version: Version) -> Snapshot:
    """The new snapshot with a version for each kind, and for each member the version that brought it."""
    kinds = {
        "listeners": (old.listeners, new.listeners),
        "routes": (old.routes, new.routes),
        "clusters": (old.clusters, new.clusters),
        "endpoints": (old.assignments, new.assignments),
        "names": (old.names, new.names),
    }
    versions = {(kind, ""): version for kind in kinds}
    for kind, (before, after) in kinds.items():
        for name, value in after.items():
            same = before.get(name) is value
            versions[kind, name] = old.versions.get((kind, name), version) if same else version
    return Snapshot(new.listeners, new.routes, new.clusters, new.assignments, new.names, versions)
