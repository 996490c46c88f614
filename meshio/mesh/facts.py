"""What values of headers tell of the configuration: what is said to filters, and the names of hosts."""

from collections.abc import Callable, Mapping

from meshio.balancing.labels import FilterMetadata, plain
from meshio.message import Request, Response
from meshio.routing.route import Route, VirtualHost
from meshio.upstream.endpoint import Endpoint
from meshio.upstream.upstream import Upstream


def told_metadata(
    host: VirtualHost, route: Route, upstream: Upstream | None
) -> Callable[[str, Request, Response | None], Mapping[str, object]]:
    """By Envoy's word for who says it. A cluster may be told anew; an endpoint is known once an answer is there."""

    def look(source: str, request: Request, response: Response | None) -> Mapping[str, object]:
        match source:
            case "ROUTE":
                return opened(route.filter_metadata)
            case "VIRTUAL_HOST":
                return opened(host.metadata)
            case "CLUSTER" if upstream is not None:
                return opened(upstream.cluster.filter_metadata)
            case "UPSTREAM_HOST" if upstream is not None and response is not None:
                hosts = (each.endpoint for each in upstream.hosts.values() if each.name == request.record.endpoint)
                return next((of_endpoint(endpoint) for endpoint in hosts), {})
        return {}

    return look


def opened(metadata: FilterMetadata) -> Mapping[str, object]:
    return {name: plain(labels) for name, labels in metadata}


def of_endpoint(endpoint: Endpoint) -> Mapping[str, object]:
    """What is kept of it."""
    modes = {"tlsMode": endpoint.tls_mode, "tunnel": endpoint.tunnel}
    said = {
        "envoy.lb": plain(endpoint.labels),
        "envoy.transport_socket_match": {name: mode for name, mode in modes.items() if mode},
        "istio": {"workload": endpoint.workload} if endpoint.workload else {},
    }
    return {name: fields for name, fields in said.items() if fields}


def host_name(upstream: Upstream) -> Callable[[str], str]:
    """The host name behind an endpoint's address, looked for only where a route tells it."""

    def name(endpoint: str) -> str:
        hosts = upstream.hosts.values() if endpoint else ()
        return next((host.endpoint.hostname for host in hosts if host.name == endpoint), "") or endpoint

    return name
