"""One question to Envoy: a route table (our values), a request, and what the upstream does."""

from dataclasses import dataclass, field
from typing import Any

from meshio.matching import PathPrefix
from meshio.routing.listener import PathNormalisation
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster

GRPC = (("content-type", "application/grpc"),)
EVERY = PathPrefix(b"/")
TO_UPSTREAM = Forward((WeightedCluster("up"),), timeout=0)


@dataclass(frozen=True)
class Ask:
    """A request, as its client writes it."""

    path: str = "/"
    method: str = "GET"
    host: str = "svc"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


HOME = Ask()
UNTOUCHED = PathNormalisation()


@dataclass(frozen=True)
class Case:
    """`reply` is what the upstream does: "ok", "close", "half", "garbage", "stall", or raw bytes to send."""

    name: str
    table: RouteTable
    ask: Ask = HOME
    reply: str = "ok"
    paths: PathNormalisation = UNTOUCHED
    per_route: dict[str, Any] = field(default_factory=dict)


def one(action: Any, match: Any = EVERY, **more: Any) -> RouteTable:
    """A table with one route for everybody."""
    return RouteTable("t", (VirtualHost("v", ("*",), (Route((match,), action, name="r", **more),)),))
