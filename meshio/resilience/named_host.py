"""Requests wait for the address of the host that they name. Envoy: the HTTP filter `dynamic_forward_proxy`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshio.errors import NoHost
from meshio.message import Layer, Request, Response, Send
from meshio.naming.cache import NameCache
from meshio.resilience.site import Find, Site


@dataclass(frozen=True, slots=True)
class NamedHost:
    """It concerns only routes to clusters whose hosts requests name.

    cache    where it looks; None in what a route says, which is only about the host
    host     what a route sets the request's host to first; "" leaves it
    header   the request header that says so instead
    find     how to look, where it concerns the route
    """

    cache: NameCache | None = None
    host: str = ""
    header: str = ""
    find: Find | None = None

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """With what the most specific level says."""
        said = next((level for level in levels if isinstance(level, NamedHost)), NamedHost())
        return replace(self, host=said.host, header=said.header, find=site.find)

    def around(self, send: Send) -> Send:
        """Raises NoHost, UnknownName, TooManyNames, TooManyLookUps."""
        cache, find = self.cache, self.find
        if cache is None or find is None:
            return send
        literal, header = self.host.encode(), self.header.encode()

        async def named(request: Request) -> Response:
            host = request.header(header) if header else literal or None
            if host is not None:
                request.authority = host
            if not request.authority:
                raise NoHost("the request names no host")
            await find(cache, request)
            return await send(request)

        return named
