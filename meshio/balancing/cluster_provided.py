"""No choice at all: the cluster itself says where a request goes (Envoy's `CLUSTER_PROVIDED`)."""

from dataclasses import dataclass

from meshio.balancing.policy import C, Pick
from meshio.errors import Rejected


@dataclass(frozen=True, slots=True)
class ClusterProvided:
    """For original destinations only."""

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Raises Rejected: a cluster with endpoints has to name a policy that chooses among them."""
        raise Rejected("cluster", "lb_policy", "CLUSTER_PROVIDED needs a cluster of type ORIGINAL_DST")
