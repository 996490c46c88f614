"""Durations: generated messages hold timedeltas, values hold seconds."""

from datetime import timedelta

from meshio.xds.place import Place


def seconds(place: Place, duration: timedelta | None) -> float | None:
    """Seconds, None when absent. Raises Rejected when negative."""
    if duration is None:
        return None
    if duration < timedelta(0):
        raise place.rejected("is negative")
    return duration.total_seconds()


def positive(place: Place, duration: timedelta | None) -> float:
    """Seconds of a duration that has to be there and to be more than nothing."""
    value = seconds(place, duration)
    if not value:
        raise place.rejected("must be more than zero")
    return value
