"""Values -> protobuf: what the development control plane and tests send.

The counterpart of decoding: `decode(encode(value)) == value` for every value that xDS has words for. A value it
has no words for (a matcher or layer of one's own) raises Rejected.
"""

from collections.abc import Mapping
from typing import TypeAlias

from betterproto2 import Message

from meshio.mesh.snapshot import Name
from meshio.routing.listener import Listener
from meshio.routing.route import RouteTable
from meshio.upstream.cluster import Cluster
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.encode.cluster import encode_cluster
from meshio.xds.encode.endpoint import encode_assignment
from meshio.xds.encode.listener import encode_listener
from meshio.xds.encode.names import encode_names
from meshio.xds.encode.route import encode_table

Encodable: TypeAlias = Listener | RouteTable | Cluster | LoadAssignment | Mapping[str, Name]


def encode(value: Encodable) -> bytes:
    """The resource as it goes into an Any of the value's type URL. Raises Rejected."""
    return bytes(message(value))


def message(value: Encodable) -> Message:
    match value:
        case Listener():
            return encode_listener(value)
        case RouteTable():
            return encode_table(value)
        case Cluster():
            return encode_cluster(value)
        case LoadAssignment():
            return encode_assignment(value)
        case _:
            return encode_names(value)
