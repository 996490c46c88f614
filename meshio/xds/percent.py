"""Percentages, and numbers that a runtime may change elsewhere."""

from meshio.xds.place import Place
from meshio.xds.proto.envoy.type.v3 import Percent


def share(place: Place, percent: Percent | None, otherwise: float) -> float:
    """A percentage as a share of 1."""
    if percent is None:
        return otherwise
    if not 0 <= percent.value <= 100:
        raise place.rejected("must be from 0 to 100")
    return percent.value / 100
