"""How many there are at this moment.

What filters observe hangs on the value of the filter it belongs to, in a field that takes no part in `==`: whoever
holds the same value shares it, all routes under a virtual host and all ways of sending of a mesh. A new value begins
anew, as a new configuration does in Envoy.
"""

from meshio.message import Body


class Gauge:
    """A count that goes up and down."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def enter(self) -> None:
        self.count += 1

    def leave(self) -> None:
        self.count -= 1

    def leave_with(self, body: Body) -> None:
        """Leave when the body has ended."""
        body.when_done(lambda error: self.leave())
