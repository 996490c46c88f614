"""The last good value of every resource that is wanted, by type and name."""

from collections.abc import Callable, Iterable
from typing import Any

from meshio.mesh.resolve import ABSENT, Held, Resolution
from meshio.mesh.snapshot import Version
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES, WORDS

BY_NAME = (ASSIGNMENT, ROUTES)  # asked for by name; of the other types, everything there is


class Holdings:
    """What the control plane said, kept across streams. `forget` is told the type and name of what is not kept."""

    def __init__(self, forget: Callable[[str, str], None]) -> None:
        self._forget = forget
        self.values: dict[str, dict[str, Any]] = {type_url: {} for type_url in WORDS}
        self.versions: dict[tuple[str, str], Version] = {}
        self._answered: set[str] = set()

    def took(self, type_url: str, version: Version) -> None:
        """A reply about this type was taken over."""
        self._answered.add(type_url)
        self.versions[WORDS[type_url], ""] = version

    def put(self, type_url: str, name: str, value: object, version: Version) -> None:
        self.values[type_url][name] = value
        if name:
            self.versions[WORDS[type_url], name] = version

    def lose(self, type_url: str, names: frozenset[str]) -> None:
        """The control plane says that these do not exist. What comes by name stays known as absent."""
        for name in names:
            self._drop(type_url, name)
        if type_url in BY_NAME:
            self.values[type_url].update(dict.fromkeys(names, ABSENT))

    def expect(self, type_url: str, names: Iterable[str]) -> None:
        """Where there is no good value, count the name as answered: what came for it could not be used."""
        for name in names:
            self.values[type_url].setdefault(name, ABSENT)

    def keep(self, type_url: str, names: frozenset[str]) -> bool:
        """Forget all others of this type: nothing names them any more, or a full state left them out.

        Returns whether there were any.
        """
        others = self.values[type_url].keys() - names
        for name in others:
            self._drop(type_url, name)
        return bool(others)

    def _drop(self, type_url: str, name: str) -> None:
        self.values[type_url].pop(name, ABSENT)
        self.versions.pop((WORDS[type_url], name), None)
        self._forget(type_url, name)

    def open_questions(self, resolution: Resolution) -> set[tuple[str, str]]:
        """What is asked for by name and not answered yet, with its type."""
        wanted = {ROUTES: resolution.routes, ASSIGNMENT: resolution.assignments}
        return {(type_url, name) for type_url in BY_NAME for name in wanted[type_url] - self.values[type_url].keys()}

    def held(self) -> Held:
        """For `resolve`. These are views, not copies."""
        tables = [table for table in self.values[NAMES].values() if table is not ABSENT]
        return Held(
            listeners=self.values[LISTENER] if LISTENER in self._answered else None,
            clusters=self.values[CLUSTER] if CLUSTER in self._answered else None,
            routes=self.values[ROUTES],
            assignments=self.values[ASSIGNMENT],
            names=tables[0] if tables else {},
            versions=self.versions,
        )
