"""The other side of `envelope.py`, for control planes: bytes -> Ask and Node, Reply -> bytes."""

from collections.abc import Mapping, Sequence

from meshio.upstream.endpoint import NOWHERE, Locality
from meshio.xds.bootstrap import Node
from meshio.xds.discovery import Ask, DeltaAsk, Reply, Resource
from meshio.xds.parse import parse
from meshio.xds.proto.envoy.config.core.v3 import Locality as LocalityMessage
from meshio.xds.proto.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from meshio.xds.proto.envoy.service.discovery.v3 import Resource as ResourceMessage
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.proto.google.rpc import Status

NOBODY = Node("")


def read_ask(raw: bytes) -> Ask:
    """A DiscoveryRequest. Raises Malformed."""
    request = parse(DiscoveryRequest, raw)
    names = tuple(request.resource_names)
    error = error_text(request.error_detail)
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
        error=error_text(request.error_detail),
    )


def error_text(status: Status | None) -> str:
    """Why a client refuses; a refusal without a reason is one, too."""
    return "" if status is None else status.message or "refused without a reason"


def read_node(raw: bytes) -> Node:
    """Who sends a DiscoveryRequest; `NOBODY` where it does not say. Raises Malformed."""
    return node_of(parse(DiscoveryRequest, raw))


def read_delta_node(raw: bytes) -> Node:
    """Who sends a DeltaDiscoveryRequest; `NOBODY` where it does not say. Raises Malformed."""
    return node_of(parse(DeltaDiscoveryRequest, raw))


def node_of(request: DiscoveryRequest | DeltaDiscoveryRequest) -> Node:
    node = request.node
    if node is None:
        return NOBODY
    metadata = node.metadata.to_dict() if node.metadata else {}
    return Node(node.id, node.cluster, metadata, locality_of(node.locality) if node.locality else NOWHERE)


def locality_of(place: LocalityMessage) -> Locality:
    return Locality(place.region, place.zone, place.sub_zone)


def reply_of(
    type_url: str, version: str, nonce: str, resources: Mapping[str, bytes], removed: Sequence[str] = ()
) -> Reply:
    """A reply in which every resource has the version of the whole."""
    packed = tuple(Resource(name, type_url, raw, version) for name, raw in resources.items())
    return Reply(type_url, version, nonce, packed, tuple(removed))


def write_reply(reply: Reply) -> bytes:
    """A DiscoveryResponse. Resources say their names themselves, and nothing says what is gone."""
    return bytes(
        DiscoveryResponse(
            version_info=reply.version,
            resources=[Any(type_url=each.type_url, value=each.raw) for each in reply.resources],
            type_url=reply.type_url,
            nonce=reply.nonce,
        )
    )


def write_delta_reply(reply: Reply) -> bytes:
    """A DeltaDiscoveryResponse."""
    return bytes(
        DeltaDiscoveryResponse(
            system_version_info=reply.version,
            resources=[wrapped(each) for each in reply.resources],
            type_url=reply.type_url,
            nonce=reply.nonce,
            removed_resources=list(reply.removed),
        )
    )


def wrapped(resource: Resource) -> ResourceMessage:
    packed = Any(type_url=resource.type_url, value=resource.raw)
    return ResourceMessage(name=resource.name, version=resource.version, resource=packed)
