"""What becomes known about one request while it passes through the mesh.

Filled in place (one writer at a time, no locks) and handed to the user as `response.extensions["mesh"]`.
"""


class Record:
    """
    flags       Envoy's response flags, e.g. ["URX", "UF"]; empty when nothing went wrong
    details     Envoy's response code details, e.g. "via_upstream", "route_not_found"
    route       name of the route that was taken ("" before one was)
    virtual_host, cluster, endpoint    names; endpoint is "ip:port" of the last attempt
    attempts    how many times a host was tried
    error       what failed inside the mesh, in words; "" when nothing did
    """

    __slots__ = ("_flags", "attempts", "cluster", "details", "endpoint", "error", "route", "virtual_host")

    def __init__(self) -> None:
        self._flags: list[str] | None = None  # most requests have none
        self.details = ""
        self.error = ""
        self.route = ""
        self.virtual_host = ""
        self.cluster = ""
        self.endpoint = ""
        self.attempts = 0

    @property
    def flags(self) -> list[str]:
        if self._flags is None:
            self._flags = []
        return self._flags

    def as_dict(self) -> dict[str, object]:
        """The same as plain data, for JSON."""
        return {name.removeprefix("_"): getattr(self, name.removeprefix("_")) for name in self.__slots__}

    def __repr__(self) -> str:
        flags = ",".join(self.flags) or "-"
        return f"<{flags} {self.details} cluster={self.cluster} endpoint={self.endpoint} attempts={self.attempts}>"
