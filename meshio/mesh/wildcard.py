"""Routes to clusters whose hosts requests name: their addresses are found before anything else happens."""

from collections.abc import Awaitable

from meshio.errors import NoHealthyHost, Unnamed
from meshio.mesh.directory import Directories
from meshio.message import Request, Response, Send
from meshio.naming.cache import NameCache
from meshio.resilience.site import Find
from meshio.upstream.cluster import DynamicForward
from meshio.upstream.destinations import named_by
from meshio.upstream.upstream import Upstream


def finding(upstream: Upstream | None, directories: Directories) -> Find | None:
    """How a filter on the way to this cluster finds the address of a host; None where that is no matter of requests."""
    if upstream is None or not isinstance(upstream.cluster.discovery, DynamicForward):
        return None

    def find(cache: NameCache, request: Request) -> Awaitable[None]:
        return directories.of(cache).find(named_by(request, upstream.cluster))

    return find


def found_first(send: Send, upstream: Upstream | None, directories: Directories) -> Send:
    """The cluster itself finds what no filter has: a host that was rewritten since, or all of them without a filter.

    Envoy: `Cluster::LoadBalancer::chooseHost`, which takes its time before any timeout of the route begins.
    """
    find = finding(upstream, directories)
    if find is None or upstream is None:
        return send

    async def found(request: Request) -> Response:
        discovery = upstream.cluster.discovery
        if isinstance(discovery, DynamicForward):
            request.record.cluster = upstream.name
            try:
                await find(discovery.cache, request)
            except Unnamed as error:
                raise unpicked(error) from error
        return await send(request)

    return found


def unpicked(error: Unnamed) -> NoHealthyHost:
    """A cluster that does not find its host has none."""
    failure = NoHealthyHost(str(error))
    failure.details = error.picked
    return failure
