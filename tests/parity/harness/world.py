"""A case as the resources of a control plane: the same bytes for Envoy and for meshio."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.case import Case, Json
from harness.protos import encoded
from harness.shorthand import LOCAL, Place, asking_own, clusters, local_cluster, route_table
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, ROUTES

MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
ADS: Json = {"ads": {}, "resource_api_version": "V3"}
TRY = "%REQ(X-REQUEST-ID)% %START_TIME(%s.%6f)% %COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)% %DURATION%\n"
LINE = "%DOWNSTREAM_DIRECT_REMOTE_PORT% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"


@dataclass(frozen=True)
class World:
    """`resources` are by type URL and name, in the order in which a control plane tells them.

    `table` is the route table's name, `eds` those of load assignments. `local` is the cluster that the node belongs
    to, which is not told to Envoy but known to it.
    """

    resources: dict[str, dict[str, bytes]]
    table: str
    eds: frozenset[str]
    local: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def known(self) -> dict[str, dict[str, bytes]]:
        """With the local cluster as one that is told."""
        return self.resources | {CLUSTER: {**self.local, **self.resources[CLUSTER]}}


def world_of(case: Case, log: str = "/dev/null", salt: str = "") -> World:
    """`log` is where Envoy tells of each request. `salt` makes names that no earlier world of the same Envoy had.

    Raises ParseError and ValueError for a case that is not well-formed.
    """
    place = Place(case)
    name = f"{place.net}{salt}"
    table = route_table(case)
    table.setdefault("name", name)
    eds: dict[str, bytes] = {}
    told: dict[str, bytes] = {}
    for each in clusters(case, place):
        told[each["name"]] = encoded(CLUSTER, over_ads(each, eds))
    listener = encoded(LISTENER, listener_of(case, place, name, table["name"], log))
    resources = {CLUSTER: told, ASSIGNMENT: eds, LISTENER: {name: listener}}
    resources[ROUTES] = {table["name"]: encoded(ROUTES, table)}
    own = local_cluster(case, place)
    local = {LOCAL: encoded(CLUSTER, own)} if own is not None else {}
    return World(resources, table["name"], frozenset(eds), local)


def over_ads(cluster: Json, eds: dict[str, bytes]) -> Json:
    """Endpoints of an EDS cluster are a resource of their own."""
    if cluster.get("type") != "EDS":
        return cluster
    assignment = cluster.pop("load_assignment", {"cluster_name": cluster["name"]})
    eds[assignment["cluster_name"]] = encoded(ASSIGNMENT, assignment)
    return {"eds_cluster_config": {"eds_config": ADS}, **cluster}


def tries_of(log: str) -> str:
    """Where Envoy tells of each try."""
    return log if log == "/dev/null" else f"{log}.tries"


def log_to(path: str, line: str) -> Json:
    return {"@type": FILE_LOG, "path": path, "log_format": {"text_format_source": {"inline_string": line}}}


def listener_of(case: Case, place: Place, name: str, table: str, log: str) -> Json:
    http = dict(asking_own(case.told.get("http", {}), place))
    router: Json = {"@type": ROUTER}
    if case.compare == "gaps":
        router["upstream_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log_to(tries_of(log), TRY)}]
    filters: list[Any] = [*http.pop("http_filters", []), {"name": "router", "typed_config": router}]
    if any(each.get("typed_config", {}).get("@type") == ROUTER for each in filters[:-1]):
        filters.pop()
    manager = {
        "@type": MANAGER,
        "stat_prefix": "parity",
        "rds": {"config_source": ADS, "route_config_name": table},
        "access_log": [{"name": "envoy.access_loggers.file", "typed_config": log_to(log, LINE)}],
        **http,
        "http_filters": filters,
    }
    host, port = place.front
    return {
        "name": name,
        "address": {"socket_address": {"address": host, "port_value": port}},
        **case.told.get("listener", {}),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
