"""Envoy's recorded answers, and our request and response in the same form."""

import json
from pathlib import Path
from typing import Any

from envoy_case import Ask, Case
from envoy_cases import GROUPS

from meshio.message import Header, Headers, Request, Response
from meshio.routing.route import Route, RouteTable, VirtualHost, WeightedCluster

FOLDER = Path(__file__).parent / "envoy"
# What Envoy as a proxy says of its own hop, and what only a clock or a connection knows.
HOP = {"date", "server", "connection", "transfer-encoding", "x-request-id", "x-forwarded-proto", "x-forwarded-for",
       "x-envoy-upstream-service-time"}  # fmt: skip


def load(group: str) -> list[tuple[Case, dict[str, Any]]]:
    """The cases of a group with what Envoy did."""
    answers = json.loads((FOLDER / f"{group}.json").read_text())["cases"]
    return [(case, answers[case.name]) for case in GROUPS[group]()]


def request_of(ask: Ask) -> Request:
    """The request as our client would hand it over, with the fields that a proxy adds before routing."""
    headers: Headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in ask.headers]
    return Request(ask.method.encode(), ask.host.encode(), ask.path.encode("latin-1"), headers, ask.body.encode())


def only_route(table: RouteTable) -> tuple[RouteTable, VirtualHost, Route]:
    (host,) = table.hosts
    (route,) = host.routes
    return table, host, route


def entry_of(table: RouteTable) -> WeightedCluster:
    (_, _, route) = only_route(table)
    (entry,) = route.action.clusters  # type: ignore[union-attr]
    return entry


def plain(headers: Headers | list[list[str]]) -> list[tuple[str, str]]:
    """Headers in one form: sorted by name, the order of equal names kept, without those of the hop."""
    pairs: list[Header] | list[list[str]] = headers
    texts = [(text(name), text(value)) for name, value in pairs]
    return sorted((pair for pair in texts if pair[0] not in HOP), key=lambda pair: pair[0])


def text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def head(response: Response) -> tuple[int, list[tuple[str, str]], str]:
    return response.status, plain(response.headers), text(response.body.data)


def recorded_head(answer: dict[str, Any]) -> tuple[int, list[tuple[str, str]], str]:
    return int(answer["line"].split(" ")[1]), plain(answer["headers"]), answer["body"]


def sent(request: Request) -> tuple[str, list[tuple[str, str]]]:
    """First line and headers, as the upstream sees them."""
    line = f"{text(request.method)} {text(request.path)} HTTP/1.1"
    return line, plain([(b"host", request.authority), *request.headers])


def recorded_sent(seen: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    return seen["line"], [pair for pair in plain(seen["headers"]) if pair[0] != "content-length"]
