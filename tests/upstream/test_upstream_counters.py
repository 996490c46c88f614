"""Whatever happens in whatever order, an upstream knows its hosts and how many of them are ejected."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.uniform import Random
from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.resilience.outlier import OutlierDetection
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.host import Host
from meshio.upstream.upstream import NO_OUTCOME, Upstream

QUICK = OutlierDetection(consecutive_5xx=2, max_ejection_percent=70, interval=1.0, base_ejection_time=2.0)
endpoints = st.builds(
    Endpoint,
    st.tuples(st.sampled_from([f"10.0.0.{n}" for n in range(6)]), st.just(80)),
    st.integers(1, 3),
    st.sampled_from(["unknown", "healthy", "unhealthy", "draining", "timeout", "degraded"]),
)
localities = st.builds(
    lambda found, priority, weight: LocalityEndpoints(tuple(found), priority=priority, weight=weight),
    st.lists(endpoints, max_size=4),
    st.integers(0, 2),
    st.integers(0, 2),
)
policies = st.sampled_from([LeastRequest(), RoundRobin(), Random(), Maglev(table_size=13)])


class Counters(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.upstream = Upstream()
        self.running: list[Host] = []
        self.now = 0.0
        self.update([], LeastRequest(), None, 0.0, False)

    @rule(
        groups=st.lists(localities, max_size=3),
        policy=policies,
        outlier=st.sampled_from([None, QUICK]),
        panic=st.sampled_from([0.0, 50.0]),
        weighted=st.booleans(),
    )
    def update(
        self,
        groups: list[LocalityEndpoints],
        policy: LeastRequest | RoundRobin | Random | Maglev,
        outlier: OutlierDetection | None,
        panic: float,
        weighted: bool,
    ) -> None:
        before = set(self.upstream.hosts.values())
        cluster = Cluster("c", Eds("c"), policy, outlier=outlier, panic_threshold=panic, locality_weighted=weighted)
        left = self.upstream.update(cluster, LoadAssignment("c", tuple(groups)))
        assert set(left) == before - set(self.upstream.hosts.values())
        assert list(self.upstream.hosts) == list(
            dict.fromkeys(endpoint.address for group in groups for endpoint in group.endpoints)
        )

    @rule(avoid=st.integers(0, 2))
    def admit(self, avoid: int) -> None:
        request = Request(b"GET", b"c", b"/", [])
        try:
            host = self.upstream.admit(request, avoid)
        except NoHealthyHost:
            return
        else:
            assert host in self.upstream.hosts.values()
            self.running.append(host)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), status=st.sampled_from([NO_OUTCOME, 200, 404, 500, 503, 504]), local=st.booleans())
    def settle(self, data: st.DataObject, status: int, local: bool) -> None:
        host = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.upstream.settle(host, status, local, 0.1, self.now)

    @rule(seconds=st.floats(0.0, 5.0))
    def sweep(self, seconds: float) -> None:
        self.now += seconds
        due = self.upstream.sweep(self.now)
        assert due is None or due > self.now

    @invariant()
    def ejections_are_counted(self) -> None:
        ejected = sum(host.ejected for host in self.upstream.hosts.values())
        outliers = self.upstream.outliers
        assert ejected == (outliers.ejected if outliers else 0)

    @invariant()
    def every_host_has_its_words(self) -> None:
        assert [host for host, _ in self.upstream.candidates()] == list(self.upstream.hosts.values())
        assert all(words for _, words in self.upstream.candidates())


TestCounters = Counters.TestCase
TestCounters.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
