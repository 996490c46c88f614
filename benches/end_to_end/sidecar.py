"""Two Envoys, one at the client and one at the server, told what istiod tells its sidecars.

The filters are those of istiod's that Envoy knows: grpc_stats, fault, cors, router. (istio.stats, istio.alpn and
istio.metadata_exchange are Istio's own.) Statistics are on; access logs and tracing are off. Plaintext, and without
iptables in the way: both would only make the sidecars slower.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from end_to_end.cases import HOST, PORT
from end_to_end.child import Child, child, free_port
from end_to_end.mesh import OTHERS, SPLIT

Json = dict[str, Any]
API = "type.googleapis.com/envoy.extensions"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
RETRY = {
    "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
    "num_retries": 2,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": f"{API}.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
        }
    ],
    "host_selection_retry_max_attempts": "5",
}
NO_LIMITS = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), 4294967295)


@dataclass(frozen=True)
class Sidecars:
    """The pair, running. `port` is where the client's listens."""

    port: int
    client: Child
    server: Child
    admin: int

    @property
    def opened_url(self) -> str:
        return f"http://127.0.0.1:{self.admin}/stats?filter=%5Ehttp.outbound.downstream_cx_total"


@contextmanager
def sidecars(program: str, folder: Path, upstream: int, concurrency: int) -> Iterator[Sidecars]:
    """Both, until the block is left. Raises Trouble when one does not come up."""
    inner, outer = free_port(), free_port()
    with ExitStack() as stack:
        server, _ = stack.enter_context(envoy("server sidecar", program, folder, inbound(inner, upstream), concurrency))
        client, admin = stack.enter_context(
            envoy("client sidecar", program, folder, outbound(outer, inner), concurrency)
        )
        yield Sidecars(outer, client, server, admin)


@contextmanager
def envoy(name: str, program: str, folder: Path, resources: Json, concurrency: int) -> Iterator[tuple[Child, int]]:
    """One Envoy, ready, and the port of its admin interface."""
    admin, config = free_port(), folder / f"{name.replace(' ', '-')}.json"
    config.write_text(json.dumps({"static_resources": resources, "admin": {"address": address(admin)}}))
    command = [program, "-c", str(config), "--use-dynamic-base-id", "--concurrency", str(concurrency), "-l", "warning"]
    with child(name, command, folder) as running:
        running.until_answers(f"http://127.0.0.1:{admin}/ready")
        yield running, admin


def outbound(port: int, peer: int) -> Json:
    """A client's side: the routes of port 9080 of the whole mesh."""
    weights = [{"name": cluster_name(subset), "weight": weight} for subset, weight in SPLIT.items()]
    action = {"weighted_clusters": {"clusters": weights}, "timeout": "0s", "retry_policy": RETRY}
    others = [
        virtual_host(f"service-{number}.default.svc.cluster.local", {**action, "max_grpc_timeout": "0s"})
        for number in range(OTHERS)
    ]
    table = {
        "name": str(PORT),
        "virtual_hosts": [*others, virtual_host(HOST, action)],
        "ignore_port_in_host_matching": True,
        "max_direct_response_body_size_bytes": 1048576,
    }
    clusters = [cluster(cluster_name(subset), peer) for subset in SPLIT]
    return {"listeners": [listener(f"0.0.0.0_{PORT}", port, "outbound", table)], "clusters": clusters}


def inbound(port: int, peer: int) -> Json:
    """A server's side: everything goes to the application."""
    name = f"inbound|{PORT}||"
    action = {"cluster": name, "timeout": "0s", "max_stream_duration": {"max_stream_duration": "0s"}}
    table = {"name": name, "virtual_hosts": [virtual_host("*", action)]}
    return {"listeners": [listener("virtualInbound", port, "inbound", table)], "clusters": [cluster(name, peer)]}


def listener(name: str, port: int, stat_prefix: str, table: Json) -> Json:
    manager = {
        "@type": f"{API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": stat_prefix,
        "route_config": table,
        "http_filters": [
            http_filter("grpc_stats", "FilterConfig", emit_filter_state=True, stats_for_all_methods=False),
            http_filter("fault", "HTTPFault"),
            http_filter("cors", "Cors"),
            http_filter("router", "Router"),
        ],
        "normalize_path": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": name, "address": address(port), "filter_chains": [chain]}


def http_filter(name: str, kind: str, **fields: object) -> Json:
    config = {"@type": f"{API}.filters.http.{name}.v3.{kind}", **fields}
    return {"name": f"envoy.filters.http.{name}", "typed_config": config}


def virtual_host(host: str, action: Json) -> Json:
    name, dot, rest = host.partition(".")
    domains = [host, *([name, f"{name}.{rest.split('.')[0]}", f"{name}.default.svc"] if dot else [])]
    route = {
        "name": "default",
        "match": {"prefix": "/"},
        "route": action,
        "decorator": {"operation": f"{host}:{PORT}/*"},
    }
    return {"name": f"{host}:{PORT}", "domains": domains, "routes": [route], "include_request_attempt_count": True}


def cluster_name(subset: str) -> str:
    return f"outbound|{PORT}|{subset}|{HOST}"


def cluster(name: str, port: int) -> Json:
    options = {
        "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
        "use_downstream_protocol_config": {"http_protocol_options": {}},
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {"thresholds": [{**NO_LIMITS, "track_remaining": True}]},
        "typed_extension_protocol_options": {HTTP_OPTIONS: options},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}, "load_balancing_weight": 1}]}],
        },
    }


def address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
