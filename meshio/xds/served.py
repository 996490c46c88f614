"""The other side of `envelope.py`, for control planes: bytes -> Ask, resources -> bytes."""

from collections.abc import Mapping, Sequence

from meshio.xds.discovery import Ask, DeltaAsk
from meshio.xds.parse import parse
from meshio.xds.proto.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
    Resource,
)
from meshio.xds.proto.google.protobuf import Any


def read_ask(raw: bytes) -> Ask:
    """A DiscoveryRequest. Raises Malformed."""
    request = parse(DiscoveryRequest, raw)
    error = request.error_detail.message if request.error_detail else ""
    names = tuple(request.resource_names)
    return Ask(request.type_url, names, request.version_info, request.response_nonce, error)


def read_delta_ask(raw: bytes) -> DeltaAsk:
    """A DeltaDiscoveryRequest. Raises Malformed."""
    request = parse(DeltaDiscoveryRequest, raw)
    return DeltaAsk(
        type_url=request.type_url,
        subscribe=tuple(request.resource_names_subscribe),
        unsubscribe=tuple(request.resource_names_unsubscribe),
        known=request.initial_resource_versions,
        nonce=request.response_nonce,
        error=request.error_detail.message if request.error_detail else "",
    )


def write_reply(type_url: str, version: str, nonce: str, resources: Mapping[str, bytes]) -> bytes:
    """A DiscoveryResponse; the names of the resources are in their bytes."""
    packed = [Any(type_url=type_url, value=raw) for raw in resources.values()]
    return bytes(DiscoveryResponse(version_info=version, resources=packed, type_url=type_url, nonce=nonce))


def write_delta_reply(
    type_url: str, version: str, nonce: str, resources: Mapping[str, bytes], removed: Sequence[str] = ()
) -> bytes:
    """A DeltaDiscoveryResponse; every resource has the version of the whole."""
    packed = [
        Resource(name=name, version=version, resource=Any(type_url=type_url, value=raw))
        for name, raw in resources.items()
    ]
    return bytes(
        DeltaDiscoveryResponse(
            system_version_info=version,
            resources=packed,
            type_url=type_url,
            nonce=nonce,
            removed_resources=list(removed),
        )
    )
