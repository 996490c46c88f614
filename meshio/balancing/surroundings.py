"""What some policies need to know of the cluster that they choose for, beyond the candidates."""

from typing import Protocol

from meshio.balancing.hashing import HashPolicy, Key


class Surroundings(Protocol):
    """A cluster in service."""

    @property
    def active(self) -> int:
        """Requests under way."""

    def key(self, policies: tuple[HashPolicy, ...]) -> Key:
        """The key of a request under hash policies of the cluster's own."""
