"""Endpoints that hold for a while only: `endpoint_stale_after` of a load assignment. Envoy: eds.cc, its timer."""

from meshio.mesh.snapshot import Snapshot, Version
from meshio.upstream.cluster import Eds


class Freshness:
    """Until when the endpoints of clusters hold. What a control plane tells again holds anew, changed or not."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, tuple[Version | None, float | None]] = {}

    def note(self, snapshot: Snapshot, changed: list[str], now: float) -> None:
        """Take over what a snapshot says of these clusters, and which of the others it has heard of again."""
        for name in {*changed, *self._told}:
            cluster = snapshot.clusters.get(name)
            service = cluster.discovery.service if cluster and isinstance(cluster.discovery, Eds) else ""
            assignment = snapshot.assignments.get(service)
            if assignment is None or assignment.stale_after is None:
                self._told.pop(name, None)
                continue
            version = snapshot.versions.get(("endpoints", service))
            if name in changed or self._told[name][0] is not version:
                self._told[name] = (version, now + assignment.stale_after)

    def expired(self, now: float) -> list[str]:
        """The clusters whose endpoints hold no longer, once each."""
        names = [name for name, (_, until) in self._told.items() if until is not None and until <= now]
        for name in names:
            self._told[name] = (self._told[name][0], None)
        return names

    def due(self) -> float | None:
        """When something expires."""
        return min((until for _, until in self._told.values() if until is not None), default=None)
