"""What an application says of a request beside the request, as it comes from outside."""

from collections.abc import Mapping

from meshio.errors import BadRequest
from meshio.message import Notes


def take_notes(
    metadata: Mapping[str, Mapping[str, object]] | None = None,
    filter_state: Mapping[str, str] | None = None,
    **others: object,
) -> Notes:
    """Notes for routes that ask for them. Raises BadRequest for what is none."""
    if others:
        raise BadRequest(f"the mesh knows no note {sorted(others)[0]!r}: there are metadata and filter_state")
    if not all(isinstance(values, Mapping) for values in (metadata or {}).values()):
        raise BadRequest("metadata= takes a mapping of values for each filter name")
    if not all(isinstance(text, str) for text in (filter_state or {}).values()):
        raise BadRequest("filter_state= takes a text for each key")
    return Notes(metadata, filter_state)
