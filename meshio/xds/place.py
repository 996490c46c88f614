"""Where in a resource the translation is: what `Rejected` names."""

from dataclasses import dataclass

from meshio.errors import Rejected

WHOLE = "resource"
"""The field that is named when it is not one field that is wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """A resource by name, and a field in it as a path: `virtual_hosts[2].routes[0].match`."""

    resource: str
    path: str = ""

    def at(self, field: str, index: int | str | None = None) -> "Place":
        """A field of the message at this place, or one item of it."""
        step = field if index is None else f"{field}[{index}]"
        return Place(self.resource, f"{self.path}.{step}" if self.path else step)

    def rejected(self, reason: str, field: str = "") -> Rejected:
        """The error to raise about this place, or about a field of the message here."""
        where = self.at(field) if field else self
        return Rejected(where.resource, where.path or WHOLE, reason)
