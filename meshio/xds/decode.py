"""Resource bytes -> values of ours. The same bytes as last time give the same object, so that `is` tells changes."""

from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias

from meshio.errors import Rejected
from meshio.mesh.snapshot import Name
from meshio.routing.listener import Listener
from meshio.routing.route import RouteTable
from meshio.upstream.cluster import Cluster
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.cluster import translate_cluster
from meshio.xds.dynamic_forward import Caches
from meshio.xds.endpoint import AssignmentReader
from meshio.xds.listener import translate_listener
from meshio.xds.names import NAMELESS, translate_names
from meshio.xds.place import Place
from meshio.xds.route import RouteReader
from meshio.xds.steps import finished, gently
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES

Value: TypeAlias = Listener | RouteTable | Cluster | LoadAssignment | Mapping[str, Name] | None
Steps: TypeAlias = Generator[None, None, Value]

WHOLE: dict[str, Callable[[str, bytes], Value]] = {
    LISTENER: translate_listener,
    CLUSTER: translate_cluster,
    NAMES: translate_names,
}
"""Kinds that are small enough to be translated in one step."""


class Decoder:
    """Translates resources and remembers them, by type and name, until they are forgotten."""

    def __init__(self) -> None:
        # Apart, and by strings: Python's garbage collector does not look into a dict of strings and bytes.
        self._raw: dict[str, dict[str, bytes]] = {}
        self._values: dict[str, dict[str, Value]] = {}
        self._tables: dict[str, RouteReader] = {}
        self._assignments: dict[str, AssignmentReader] = {}
        self._caches = Caches()

    def decode(self, type_url: str, name: str, raw: bytes) -> Value:
        """The value, in one go. None for an inbound listener. Raises Rejected."""
        return finished(self.steps(type_url, name, raw))

    async def decode_gently(self, type_url: str, name: str, raw: bytes) -> Value:
        """The value, giving the loop a turn every two milliseconds. Raises Rejected."""
        return await gently(self.steps(type_url, name, raw))

    def steps(self, type_url: str, name: str, raw: bytes) -> Steps:
        """The value as what a generator returns; it yields about every millisecond. Raises Rejected."""
        raws, values = self._raw.setdefault(type_url, {}), self._values.setdefault(type_url, {})
        if raws.get(name) == raw:
            return values[name]
        try:
            value = yield from self._translate(type_url, name, raw)
            if type_url in (CLUSTER, LISTENER):
                self._caches.check(type_url, name, value)
        except Rejected as error:
            raise named(error, name) from error
        said = getattr(value, "cluster" if type_url == ASSIGNMENT else "name", name)
        if said != name:
            raise Rejected(name, "name", f"the resource itself says {said!r}")
        raws[name], values[name] = raw, value
        return value

    def _translate(self, type_url: str, name: str, raw: bytes) -> Steps:
        if type_url == ROUTES:
            return (yield from self._tables.setdefault(name, RouteReader()).steps(name, raw))
        if type_url == ASSIGNMENT:
            return (yield from self._read_assignment(name, raw))
        translate = WHOLE.get(type_url)
        if translate is None:
            raise Rejected(name, "type_url", f"{type_url} was not asked for")
        return translate(name, raw)

    def _read_assignment(self, name: str, raw: bytes) -> Steps:
        reader = self._assignments.pop(name, None) or AssignmentReader()
        assignment = yield from reader.steps(Place(name), raw)
        if reader.memorable:
            self._assignments[name] = reader
        return assignment

    def forget(self, type_url: str, name: str) -> None:
        """A resource is gone: its bytes need not be remembered."""
        self._raw.get(type_url, {}).pop(name, None)
        self._values.get(type_url, {}).pop(name, None)
        self._caches.forget(type_url, name)
        if type_url == ROUTES:
            self._tables.pop(name, None)
        elif type_url == ASSIGNMENT:
            self._assignments.pop(name, None)


def named(error: Rejected, name: str) -> Rejected:
    """What a value refused when it was built does not know in which resource it is."""
    return error if error.resource == (name or NAMELESS) else Rejected(name, error.field, str(error))
