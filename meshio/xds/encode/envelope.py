"""What a server reads and writes besides requests (`served.py`): bytes -> Node, Reply -> bytes."""

from meshio.upstream.endpoint import NOWHERE, Locality
from meshio.xds.bootstrap import Node
from meshio.xds.discovery import Reply, Resource
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

NOBODY = Node("")


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


def write_reply(reply: Reply) -> bytes:
    """A DiscoveryResponse. In state of the world, resources say their names themselves."""
    return bytes(
        DiscoveryResponse(
            version_info=reply.version,
            resources=[Any(type_url=reply.type_url, value=each.raw) for each in reply.resources],
            type_url=reply.type_url,
            nonce=reply.nonce,
        )
    )


def write_delta_reply(reply: Reply) -> bytes:
    """A DeltaDiscoveryResponse."""
    return bytes(
        DeltaDiscoveryResponse(
            system_version_info=reply.version,
            resources=[wrap(each) for each in reply.resources],
            type_url=reply.type_url,
            removed_resources=list(reply.removed),
            nonce=reply.nonce,
        )
    )


def wrap(resource: Resource) -> ResourceMessage:
    packed = Any(type_url=resource.type_url, value=resource.raw)
    return ResourceMessage(name=resource.name, version=resource.version, resource=packed)
