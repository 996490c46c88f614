"""Our values in Envoy's words: the configuration that `record_envoy.py` runs."""

from typing import Any

from envoy_case import Case

from meshio.matching import Path, PathPrefix
from meshio.routing.mutation import HeaderMutation
from meshio.routing.rewrite import (
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import DirectResponse, Forward, Redirect, Route, RouteTable, VirtualHost

TYPE = "type.googleapis.com/envoy."
FILTERS = "extensions.filters.http"
APPEND = {
    "append": "APPEND_IF_EXISTS_OR_ADD",
    "add_if_absent": "ADD_IF_ABSENT",
    "overwrite": "OVERWRITE_IF_EXISTS_OR_ADD",
    "overwrite_if_exists": "OVERWRITE_IF_EXISTS",
}
ESCAPED = {
    "keep": "KEEP_UNCHANGED",
    "reject": "REJECT_REQUEST",
    "redirect": "UNESCAPE_AND_REDIRECT",
    "forward": "UNESCAPE_AND_FORWARD",
}


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"{TYPE}{kind}", **fields}


def mutation(prefix: str, change: HeaderMutation) -> dict[str, Any]:
    add = [
        {
            "header": {"key": each.name, "value": each.value},
            "append_action": APPEND[each.action],
            "keep_empty_value": each.keep_empty,
        }
        for each in change.add
    ]
    return {f"{prefix}_headers_to_add": add, f"{prefix}_headers_to_remove": list(change.remove)}


def mutations(value: Any) -> dict[str, Any]:
    return mutation("request", value.request_headers) | mutation("response", value.response_headers)


def regex(value: RegexRewrite | HostFromPath) -> dict[str, Any]:
    return {"pattern": {"regex": value.pattern}, "substitution": value.substitution}


def path_rewrite(value: Any) -> dict[str, Any]:
    match value:
        case PrefixRewrite(text):
            return {"prefix_rewrite": text}
        case RegexRewrite():
            return {"regex_rewrite": regex(value)}
    return {}


def host_rewrite(value: Any) -> dict[str, Any]:
    match value:
        case HostLiteral(text):
            return {"host_rewrite_literal": text}
        case HostFromHeader(name):
            return {"host_rewrite_header": name}
        case HostFromPath():
            return {"host_rewrite_path_regex": regex(value)}
        case HostOfEndpoint():
            return {"auto_host_rewrite": True}
    return {}


def seconds(value: float) -> str:
    return f"{value:.6f}s"


def retry_policy(value: Any) -> dict[str, Any]:
    policy = {
        "retry_on": ",".join(sorted(value.on)),
        "num_retries": value.attempts,
        "retry_back_off": {"base_interval": seconds(value.first_delay), "max_interval": seconds(value.longest_delay)},
    }
    return policy | ({"per_try_timeout": seconds(value.per_try_timeout)} if value.per_try_timeout else {})


def forward(value: Forward) -> dict[str, Any]:
    clusters = [
        {"name": each.name, "weight": each.weight, **mutations(each), **host_rewrite(each.host_rewrite)}
        for each in value.clusters
    ]
    bare = list(clusters[0].values())[2:] == [[], [], [], []]
    target = {"cluster": clusters[0]["name"]} if bare else {"weighted_clusters": {"clusters": clusters}}
    mirrors = [
        {
            "cluster": each.cluster,
            "runtime_fraction": {"default_value": {"numerator": each.share.numerator}},
            "disable_shadow_host_suffix_append": not each.host_suffix,
        }
        for each in value.mirrors
    ]
    missing = {503: "SERVICE_UNAVAILABLE", 404: "NOT_FOUND", 500: "INTERNAL_SERVER_ERROR"}
    return {
        **target,
        **path_rewrite(value.path_rewrite),
        **host_rewrite(value.host_rewrite),
        "timeout": seconds(value.timeout or 0),
        "cluster_not_found_response_code": missing[value.missing_cluster_status],
        "request_mirror_policies": mirrors,
    } | ({"retry_policy": retry_policy(value.retry)} if value.retry else {})


def redirect(value: Redirect) -> dict[str, Any]:
    code = {
        301: "MOVED_PERMANENTLY",
        302: "FOUND",
        303: "SEE_OTHER",
        307: "TEMPORARY_REDIRECT",
        308: "PERMANENT_REDIRECT",
    }
    found = {"response_code": code[value.status], "strip_query": value.strip_query, **path_rewrite(value.path_rewrite)}
    parts = {
        "scheme_redirect": value.scheme,
        "https_redirect": value.https,
        "host_redirect": value.host,
        "port_redirect": value.port,
        "path_redirect": value.path,
    }
    return found | {name: part for name, part in parts.items() if part}


def route(value: Route, per_route: dict[str, Any]) -> dict[str, Any]:
    (matcher,) = value.match
    match: dict[str, Any] = {}
    if isinstance(matcher, PathPrefix):
        match = {"prefix": matcher.value.decode(), "case_sensitive": not matcher.ignore_case}
    elif isinstance(matcher, Path):
        match = {"path": matcher.value.decode(), "case_sensitive": not matcher.ignore_case}
    action: dict[str, Any] = {}
    match value.action:
        case Forward() as act:
            action = {"route": forward(act)}
        case Redirect() as act:
            action = {"redirect": redirect(act)}
        case DirectResponse(status, body):
            action = {
                "direct_response": {"status": status} | ({"body": {"inline_string": body.decode()}} if body else {})
            }
    faults = {"envoy.filters.http.fault": typed(f"{FILTERS}.fault.v3.HTTPFault", **per_route)} if per_route else {}
    return {"match": match, "name": value.name, "typed_per_filter_config": faults, **action, **mutations(value)}


def virtual_host(value: VirtualHost, per_route: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": value.name,
        "domains": list(value.domains),
        "routes": [route(each, per_route) for each in value.routes],
        "include_request_attempt_count": value.attempt_count,
        **mutations(value),
    }


def route_config(value: RouteTable, per_route: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": value.name,
        "virtual_hosts": [virtual_host(each, per_route) for each in value.hosts],
        "most_specific_header_mutations_wins": value.most_specific_wins,
        "ignore_port_in_host_matching": value.ignore_port,
        "validate_clusters": False,
        **mutations(value),
    }


def listener(at: int, port: int, case: Case, log: str) -> dict[str, Any]:
    manager = typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in",
        route_config=route_config(case.table, case.per_route),
        normalize_path=case.paths.normalize,
        merge_slashes=case.paths.merge_slashes,
        path_with_escaped_slashes_action=ESCAPED[case.paths.escaped_slashes],
        access_log=[{"name": "envoy.access_loggers.file", "typed_config": access_log(log)}],
        http_filters=[
            {"name": "envoy.filters.http.fault", "typed_config": typed(f"{FILTERS}.fault.v3.HTTPFault")},
            {"name": "envoy.filters.http.router", "typed_config": typed(f"{FILTERS}.router.v3.Router")},
        ],
    )
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"name": f"l{at}", "address": address(port), "filter_chains": [{"filters": filters}]}


def address(port: int, host: str = "127.0.0.1") -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def cluster(name: str, port: int | None, host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(port, host)}}]}] if port else []
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.2s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        **more,
    }


def thresholds(**limits: int) -> dict[str, Any]:
    return {"circuit_breakers": {"thresholds": [limits]}}


def access_log(path: str) -> dict[str, Any]:
    """One line per request: flags and response code details."""
    return typed(
        "extensions.access_loggers.file.v3.FileAccessLog",
        path=path,
        log_format={"text_format_source": {"inline_string": "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"}},
    )


def clusters(ports: dict[str, int]) -> list[dict[str, Any]]:
    """Where cases send to. `ports` of the peers: up, shadow, refused (nobody listens), slow (nobody accepts)."""
    up = ports["up"]
    return [
        *(cluster(name, port) for name, port in ports.items()),
        cluster("empty", None),
        cluster("dns", up, "localhost") | {"type": "STRICT_DNS", "dns_lookup_family": "V4_ONLY"},
        cluster("norequest", up, **thresholds(max_requests=0)),
        cluster("nopending", up, **thresholds(max_pending_requests=0)),
        cluster("noconnection", up, **thresholds(max_connections=0, max_pending_requests=0)),
    ]
