"""A real Envoy: as a client of a control plane, and as an upstream."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from programs.process import Output, answers, fetch, free_port, running, until

HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
}
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
ADS = {"ads": {}, "resource_api_version": "V3"}
Json = dict[str, object]


@dataclass(frozen=True)
class Envoy:
    """A running one."""

    port: int
    admin: int
    output: Output

    def stats(self, word: str) -> dict[str, int]:
        """Counters whose name holds a word."""
        text = fetch(f"http://127.0.0.1:{self.admin}/stats?filter={word}") or ""
        pairs = (line.rpartition(": ") for line in text.splitlines())
        return {name: int(value) for name, _, value in pairs if value.isdigit()}


@contextmanager
def envoy(program: Path, folder: Path, config: Json, port: int) -> Iterator[Envoy]:
    """Run with this bootstrap; `port` is where it listens for requests."""
    admin = free_port()
    config = {**config, "admin": {"address": address("127.0.0.1", admin)}}
    (folder / "envoy.json").write_text(json.dumps(config))
    command = [program, "-c", "envoy.json", "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"]
    with running(command, folder, "envoy.log") as output:
        until(answers(f"http://127.0.0.1:{admin}/ready"), "Envoy", output)
        yield Envoy(port, admin, output)


def address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def listener(host: str, port: int, routes: Json) -> Json:
    """An HTTP listener; `routes` is its `rds` or its `route_config`."""
    manager = {"@type": HCM, "stat_prefix": "ingress", "http_filters": [ROUTER], **routes}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": "ingress", "address": address(host, port), "filter_chains": [chain]}


def under_control(node: Json, ads: int, port: int, table: str, api: str) -> Json:
    """A bootstrap that takes everything from a control plane, and one listener of its own on one of its route tables.

    The listeners of the control plane are not bound: they are for connections that were redirected to them.
    """
    h2 = {"@type": f"type.googleapis.com/{HTTP_OPTIONS}", "explicit_http_config": {"http2_protocol_options": {}}}
    endpoint = {"endpoint": {"address": address("127.0.0.1", ads)}}
    control_plane = {
        "name": "xds",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {HTTP_OPTIONS: h2},
    }
    services = [{"envoy_grpc": {"cluster_name": "xds"}}]
    own = listener("127.0.0.1", port, {"rds": {"config_source": ADS, "route_config_name": table}})
    return {
        "node": node,
        "dynamic_resources": {
            "lds_config": ADS,
            "cds_config": ADS,
            "ads_config": {"api_type": api, "transport_api_version": "V3", "grpc_services": services},
        },
        "static_resources": {"clusters": [control_plane], "listeners": [own]},
    }


def answering(host: str, port: int, body: str) -> Json:
    """A bootstrap that answers everything itself."""
    reply = {"status": 200, "body": {"inline_string": body}}
    route = {"match": {"prefix": "/"}, "direct_response": reply}
    table = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}
    return {"static_resources": {"listeners": [listener(host, port, {"route_config": table})]}}
