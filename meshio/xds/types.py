"""The kinds of resources that meshio asks a control plane for, by their xDS type URL."""

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ASSIGNMENT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
NAMES = "type.googleapis.com/istio.networking.nds.v1.NameTable"

WORDS = {LISTENER: "listeners", ROUTES: "routes", CLUSTER: "clusters", ASSIGNMENT: "endpoints", NAMES: "names"}
"""What `Snapshot.versions`, the log and `meshio dump` call them."""
