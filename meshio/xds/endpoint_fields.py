"""What happens to each field of load assignments (which `endpoint.py` reads from the wire) and of the name table."""

from betterproto2 import Message

from meshio.xds.health_fields import HEALTH_FIELDS
from meshio.xds.proto.envoy.config.core.v3 import Locality
from meshio.xds.proto.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    ClusterLoadAssignmentPolicy,
    ClusterLoadAssignmentPolicyDropOverload,
    Endpoint,
    EndpointAdditionalAddress,
    LbEndpoint,
    LocalityLbEndpoints,
)
from meshio.xds.proto.istio.networking.nds.v1 import NameTable, NameTableNameInfo
from meshio.xds.rule import Rules, ignored, read, rejected

ENDPOINT_FIELDS: dict[type[Message], Rules] = {
    ClusterLoadAssignment: {
        **read("cluster_name", "endpoints", "policy"),
        **rejected("endpoints by name", "named_endpoints"),
    },
    ClusterLoadAssignmentPolicy: {
        **read("drop_overloads", "overprovisioning_factor", "weighted_priority_health", "endpoint_stale_after"),
    },
    ClusterLoadAssignmentPolicyDropOverload: {
        **read("category", "drop_percentage"),
    },
    LocalityLbEndpoints: {
        **read("locality", "lb_endpoints", "load_balancing_weight", "priority"),
        **ignored("for filters that meshio does not have", "metadata"),
        **ignored("Envoy does not use it either", "proximity"),
        **rejected("endpoints by discovery (LEDS)", "leds_cluster_locality_config", "load_balancer_endpoints"),
    },
    Locality: read("region", "zone", "sub_zone"),
    LbEndpoint: {
        **read("endpoint", "health_status", "metadata", "load_balancing_weight"),
        **rejected("endpoints by name", "endpoint_name"),
    },
    Endpoint: {
        **read("address", "hostname", "additional_addresses", "health_check_config"),
    },
    EndpointAdditionalAddress: read("address"),
    **HEALTH_FIELDS,
    NameTable: read("table"),
    NameTableNameInfo: {
        **read("ips", "shortname", "namespace", "alt_hosts"),
        **ignored("whether Kubernetes or a ServiceEntry named it", "registry"),
    },
}
