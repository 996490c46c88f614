"""LoadAssignment -> ClusterLoadAssignment."""

from meshio.upstream.endpoint import NOWHERE, Endpoint, Health, LoadAssignment, LocalityEndpoints
from meshio.xds.encode.health_check import encode_checked_at
from meshio.xds.encode.labels import with_labels
from meshio.xds.encode.parts import address, metadata, seconds
from meshio.xds.proto.envoy.config.core.v3 import HealthStatus
from meshio.xds.proto.envoy.config.core.v3 import Locality as LocalityMessage
from meshio.xds.proto.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    ClusterLoadAssignmentPolicy,
    ClusterLoadAssignmentPolicyDropOverload,
    EndpointAdditionalAddress,
    LbEndpoint,
    LocalityLbEndpoints,
)
from meshio.xds.proto.envoy.config.endpoint.v3 import Endpoint as EndpointMessage
from meshio.xds.proto.envoy.type.v3 import FractionalPercent, FractionalPercentDenominatorType

HEALTH: dict[Health, HealthStatus] = {
    "unknown": HealthStatus.UNKNOWN,
    "healthy": HealthStatus.HEALTHY,
    "unhealthy": HealthStatus.UNHEALTHY,
    "draining": HealthStatus.DRAINING,
    "timeout": HealthStatus.TIMEOUT,
    "degraded": HealthStatus.DEGRADED,
}
USUAL_OVERPROVISIONING = 140
MILLION = 1_000_000


def encode_assignment(assignment: LoadAssignment) -> ClusterLoadAssignment:
    return ClusterLoadAssignment(
        cluster_name=assignment.cluster,
        endpoints=[encode_group(group) for group in assignment.localities],
        policy=encode_policy(assignment),
    )


def encode_policy(assignment: LoadAssignment) -> ClusterLoadAssignmentPolicy | None:
    """Nothing when all of it is as usual."""
    unusual = assignment.overprovisioning != USUAL_OVERPROVISIONING
    if not (unusual or assignment.drop or assignment.weighted_health or assignment.stale_after):
        return None
    share = FractionalPercent(
        numerator=round(assignment.drop * MILLION), denominator=FractionalPercentDenominatorType.MILLION
    )
    drop = ClusterLoadAssignmentPolicyDropOverload(category="drop", drop_percentage=share)
    return ClusterLoadAssignmentPolicy(
        drop_overloads=[drop] if assignment.drop else [],
        overprovisioning_factor=assignment.overprovisioning if unusual else None,
        weighted_priority_health=assignment.weighted_health,
        endpoint_stale_after=seconds(assignment.stale_after),
    )


def encode_group(group: LocalityEndpoints) -> LocalityLbEndpoints:
    return LocalityLbEndpoints(
        locality=encode_locality(group),
        lb_endpoints=[encode_endpoint(endpoint) for endpoint in group.endpoints],
        load_balancing_weight=group.weight or None,
        priority=group.priority,
    )


def encode_locality(group: LocalityEndpoints) -> LocalityMessage | None:
    """A weight is one of a locality, be it an empty one."""
    locality = group.locality
    if locality == NOWHERE and not group.weight:
        return None
    return LocalityMessage(region=locality.region, zone=locality.zone, sub_zone=locality.subzone)


def encode_endpoint(endpoint: Endpoint) -> LbEndpoint:
    return LbEndpoint(
        endpoint=EndpointMessage(
            address=address(*endpoint.address),
            hostname=endpoint.hostname,
            health_check_config=encode_checked_at(endpoint.check),
            additional_addresses=[EndpointAdditionalAddress(address=address(*other)) for other in endpoint.others],
        ),
        health_status=HEALTH[endpoint.health],
        metadata=with_labels(
            metadata(
                envoy__transport_socket_match={"tlsMode": endpoint.tls_mode, "tunnel": endpoint.tunnel},
                istio={"workload": endpoint.workload},
            ),
            endpoint.labels,
        ),
        load_balancing_weight=endpoint.weight,
    )
