"""Which transport socket an endpoint gets. Envoy: `TransportSocketMatcherImpl`."""

from meshio.upstream.cluster import ClientTls, Cluster
from meshio.upstream.endpoint import Endpoint


def tls_of(cluster: Cluster, endpoint: Endpoint) -> ClientTls | None:
    """The first match whose labels the endpoint's metadata holds, else the cluster's own; None is plaintext."""
    if not cluster.tls_matches:
        return cluster.tls
    metadata = {"tlsMode": endpoint.tls_mode, "tunnel": endpoint.tunnel}
    for entry in cluster.tls_matches:
        if all(metadata.get(label) == value for label, value in entry.match):
            return entry.tls
    return cluster.tls
