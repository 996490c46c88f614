"""A folder of YAML that may change while it is in use."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TypeAlias

from meshio.controlplane.documents import Documents, load, yaml_files
from meshio.controlplane.problem import Problem

log = logging.getLogger("meshio.controlplane")

INTERVAL = 0.2  # seconds between two looks at the files
Fingerprint: TypeAlias = tuple[tuple[str, int, int], ...]


class Folder:
    """The documents of a folder: the last good ones. `problems` is what the latest reading found.

    The first reading serves whatever can be served. Later, a document that must be refused (a half-written file, a
    typing error) leaves everything as it was, because a mesh without it is not what anybody wrote either.
    """

    def __init__(self, directory: Path | str, interval: float = INTERVAL) -> None:
        self.directory = Path(directory)
        self.documents = Documents()
        self.problems: list[Problem] = []
        self._interval = interval
        self._read: Fingerprint | None = None
        self._stumbled = ""

    def read(self) -> bool:
        """Read the files. True when there are new documents to serve; each problem is logged once. Raises OSError."""
        seen = fingerprint(self.directory)
        documents, problems = load(self.directory)
        self._report(problems)
        refused = self._read is not None and any(problem.refuses for problem in problems)
        self._read = seen
        if refused:
            log.error("%s: what was read before stays in service", self.directory)
            return False
        self.documents = documents
        return True

    async def changes(self) -> AsyncGenerator[None, None]:
        """After each change that can be served. Files have to rest for one look: one that is being written does not."""
        last = self._read
        while True:
            await asyncio.sleep(self._interval)
            try:
                seen = fingerprint(self.directory)
                changed = seen == last != self._read and self.read()
            except OSError as error:  # no descriptors left, a disk that went away: the next look may succeed
                self._stumble(error)
                continue
            self._stumbled = ""
            if changed:
                log.info("%s: changed files are in service", self.directory)
                yield
            last = seen

    def _stumble(self, error: OSError) -> None:
        """Say once what keeps us from looking."""
        if self._stumbled != str(error):
            self._stumbled = str(error)
            log.error("%s cannot be read: %s; what was read before stays in service", self.directory, error.strerror)

    def _report(self, problems: list[Problem]) -> None:
        for problem in problems:
            if problem not in self.problems:
                log.log(logging.ERROR if problem.refuses else logging.WARNING, "%s", problem)
        self.problems = problems


def fingerprint(directory: Path) -> Fingerprint:
    """Which files there are, and when each was last written."""
    found = []
    for path in yaml_files(directory):
        try:
            status = path.stat()
        except OSError:  # gone since it was listed
            continue
        found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)
