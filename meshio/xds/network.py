"""Network filters: the ones without effect for a client."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from meshio.xds.extension import type_of
from meshio.xds.place import Place
from meshio.xds.proto.google.protobuf import Any

PEERS = {
    "envoy.tcp.metadataexchange.config.MetadataExchange": "tells proxies about each other, for telemetry",
    "io.istio.tcp.peer_metadata.Config": "tells proxies about each other, for telemetry",
}
"""By the name of their config message, and why."""


class Filter(Protocol):
    """A filter of a listener or of a cluster: two messages of one shape."""

    name: str
    typed_config: Any | None


def refuse_others(place: Place, filters: Iterable[Filter], harmless: Mapping[str, str]) -> None:
    """Rejected for the first filter that is not known to be harmless."""
    for index, each in enumerate(filters):
        if (kind := type_of(place.at("filters", index), each.typed_config)) not in harmless:
            raise place.at("filters", index).rejected(f"filter {each.name!r} ({kind}) is not supported")
