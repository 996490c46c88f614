"""Envoy's own JSON form -> bytes, by the official protobuf classes."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf import json_format, wrappers_pb2  # noqa: F401  (wrappers may be in an Any)
from google.protobuf.message import Message

from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, ROUTES

CLASSES: dict[str, type[Message]] = {
    LISTENER: Listener,
    ROUTES: RouteConfiguration,
    CLUSTER: Cluster,
    ASSIGNMENT: ClusterLoadAssignment,
}


def encoded(type_url: str, told: dict[str, Any]) -> bytes:
    """Raises json_format.ParseError for what is not in the API."""
    for name in types_in(told):
        provide(name)
    message = json_format.ParseDict(told, CLASSES[type_url]())
    return message.SerializeToString(deterministic=True)


def types_in(told: Any) -> Iterator[str]:
    """The message types that Any fields name."""
    if isinstance(told, dict):
        if "@type" in told:
            yield told["@type"].rpartition("/")[2]
        for value in told.values():
            yield from types_in(value)
    elif isinstance(told, list):
        for value in told:
            yield from types_in(value)


@cache
def provide(name: str) -> None:
    """Load the modules of a message type's package, so that an Any of it can be read."""
    package = importlib.import_module(name.rpartition(".")[0]) if not name.startswith("google.") else None
    for module in pkgutil.iter_modules(package.__path__) if package else ():
        if module.name.endswith("_pb2"):
            importlib.import_module(f"{package.__name__}.{module.name}")  # type: ignore[union-attr]
