"""Turns by weights that the hosts' own load reports give (gRFC A58, A114).

Envoy: source/extensions/load_balancing_policies/client_side_weighted_round_robin, measured on 1.40.
"""

from dataclasses import dataclass

from meshio.balancing.load_report import LoadReport
from meshio.balancing.policy import C, Pick, Policy, Steps
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart

HEAVIEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class ClientWeights:
    """Durations in seconds.

    blackout     after a host's first report, in which its reports do not count yet
    expiration   after its last report, until it does not count any more
    period       between two looks at the reports
    penalty      how much errors count: their share of the requests times this is added to the utilization
    metrics      what is the utilization; by default what the application says it is, or else that of the CPU
    apart        between reports on a stream of their own that the host is asked for; None: they come with responses
    """

    blackout: float = 10.0
    expiration: float = 180.0
    period: float = 1.0
    penalty: float = 0.0
    metrics: tuple[str, ...] = ()
    slow_start: SlowStart | None = None
    apart: float | None = None

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Turns by the weights that the candidates have now; it is built anew when they change."""
        return RoundRobin(self.slow_start).over(candidates)

    def building(self, candidates: tuple[C, ...], shares: tuple[float, ...] | None = None) -> Steps[C]:
        """The same in steps."""
        return RoundRobin(self.slow_start).building(candidates)

    def weight(self, report: LoadReport) -> int | None:
        """What a report is worth: requests per second that the host could serve. None: it says too little."""
        rate = report.number("rps_fractional")
        if not rate > 0:
            return None
        used = report.largest(self.metrics) or report.number("application_utilization")
        used = (used if used > 0 else report.number("cpu_utilization")) + self.penalty * report.number("eps") / rate
        return int(min(rate / used, HEAVIEST)) if used > 0 else None


def client_weights_of(policy: Policy) -> ClientWeights | None:
    """What a policy, or the one within it, wants of load reports; None: nothing."""
    while not isinstance(policy, ClientWeights):
        child: Policy | None = getattr(policy, "child", None)
        if child is None:
            return None
        policy = child
    return policy
