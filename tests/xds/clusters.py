"""Messages about clusters, as short as tests want them."""

from betterproto2 import Message

from meshio.upstream import cluster as values
from meshio.upstream.endpoint import Endpoint as EndpointValue
from meshio.upstream.endpoint import LoadAssignment, LocalityEndpoints
from meshio.xds.decode import Decoder
from meshio.xds.proto.envoy.config.cluster.v3 import (
    Cluster,
    ClusterTransportSocketMatch,
    LoadBalancingPolicy,
    LoadBalancingPolicyPolicy,
)
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDiscoveryType as Type
from meshio.xds.proto.envoy.config.core.v3 import Address, SocketAddress, TransportSocket, TypedExtensionConfig
from meshio.xds.proto.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    LocalityLbConfig,
    LocalityLbConfigLocalityWeightedLbConfig,
)
from meshio.xds.proto.envoy.extensions.transport_sockets.raw_buffer.v3 import RawBuffer
from meshio.xds.proto.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    UpstreamTlsContext,
)
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher
from meshio.xds.proto.google.protobuf import Any, Struct
from meshio.xds.types import CLUSTER

UNKNOWN = Any("type.googleapis.com/some.Thing", b"")


def cluster(**said: object) -> Cluster:
    return Cluster(**({"name": "c", "type": Type.EDS} | said))  # type: ignore[arg-type]


def decode(message: Cluster) -> values.Cluster:
    value = Decoder().decode(CLUSTER, message.name, bytes(message))
    assert isinstance(value, values.Cluster)
    return value


def endpoints(*hosts: str) -> ClusterLoadAssignment:
    found = [Address(socket_address=SocketAddress(address=host, port_value=80)) for host in hosts]
    return ClusterLoadAssignment(
        "c", [LocalityLbEndpoints(lb_endpoints=[LbEndpoint(Endpoint(each)) for each in found])]
    )


def assigned(*hosts: str) -> LoadAssignment:
    return LoadAssignment("c", (LocalityEndpoints(tuple(EndpointValue((host, 80)) for host in hosts)),))


def extended(*configs: Message | Any, **said: object) -> Cluster:
    packed = [config if isinstance(config, Any) else Any.pack(config) for config in configs]
    policies = [LoadBalancingPolicyPolicy(TypedExtensionConfig("x", config)) for config in packed]
    return cluster(load_balancing_policy=LoadBalancingPolicy(policies), **said)


LOCALITIES = LocalityLbConfig(locality_weighted_lb_config=LocalityLbConfigLocalityWeightedLbConfig())


def spoken(options: Message) -> Cluster:
    return cluster(typed_extension_protocol_options={"http": Any.pack(options)})


def socket(common: CommonTlsContext, **said: object) -> TransportSocket:
    return TransportSocket("tls", Any.pack(UpstreamTlsContext(common, **said)))  # type: ignore[arg-type]


def exactly(name: str) -> StringMatcher:
    return StringMatcher(exact=name)


def matched(**match: object) -> list[ClusterTransportSocketMatch]:
    return [ClusterTransportSocketMatch("m", Struct.from_dict(match), TransportSocket("raw", Any.pack(RawBuffer())))]


def secured(context: CertificateValidationContext) -> Cluster:
    return cluster(transport_socket=socket(CommonTlsContext(validation_context=context)))
