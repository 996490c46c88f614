"""What a plane does between two updates: zones follow the local cluster, connections follow the set of hosts."""

import asyncio
from collections import Counter
from dataclasses import replace

from meshio.balancing.zone import ZoneAware
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.message import Body, Request, Response
from meshio.resilience.outlier import ANSWERED, OutlierDetection
from meshio.resilience.rates import FailurePercentage
from meshio.upstream.endpoint import Endpoint, LoadAssignment, Locality, LocalityEndpoints
from meshio.upstream.health_check import HealthCheck, TcpProbe
from meshio.upstream.host import Host
from tests.mesh.planes import Peer, assignment, cluster, get, snapshot

HERE, THERE = Locality("r", "here"), Locality("r", "there")
WHO = Identity(locality=HERE, local_cluster="us")


class Pools:
    """What becomes of connections, written down."""

    def __init__(self) -> None:
        self.drained: list[str] = []
        self.renewed: list[str] = []

    def drain(self, hosts: list[Host]) -> None:
        self.drained += [host.name for host in hosts]

    def renew(self, host: Host) -> None:
        self.renewed.append(host.name)


def run(scenario):
    async def main():
        peer, pools = Peer(), Pools()
        plane = Dataplane(WHO, peer.attempt, pools)
        try:
            await scenario(plane, pools)
        finally:
            await plane.aclose()

    asyncio.run(main(), debug=True)


def zoned(name: str, here: int, there: int) -> LoadAssignment:
    def group(place: Locality, number: int, count: int) -> LocalityEndpoints:
        return LocalityEndpoints(tuple(Endpoint((f"10.0.{number}.{i}", 1)) for i in range(count)), place)

    return LoadAssignment(name, (group(HERE, 1, here), group(THERE, 2, there)))


def world(us: LoadAssignment, them: LoadAssignment) -> Snapshot:
    small = replace(cluster("them"), zone_aware=ZoneAware(least=1))
    told = snapshot(small, assignments=[us, them])
    return replace(told, clusters={"them": small, "us": cluster("us")})


async def zones(plane: Dataplane) -> set[str]:
    asked = [plane.upstreams["them"].pick(get()).locality.zone for _ in range(200)]
    return set(Counter(asked))


def test_requests_stay_in_their_zone_while_the_local_cluster_says_that_this_is_fair():
    async def scenario(plane, pools):
        them = zoned("them", 2, 2)
        plane.publish(world(zoned("us", 1, 1), them))
        assert await zones(plane) == {"here"}
        plane.publish(world(zoned("us", 3, 1), them))  # three quarters send from here, half of the hosts are
        assert await zones(plane) == {"here", "there"}
        plane.publish(world(zoned("us", 1, 3), them))
        assert await zones(plane) == {"here"}
        plane.publish(world(LoadAssignment("us"), them))
        assert await zones(plane) == {"here", "there"}

    run(scenario)


def test_a_new_cluster_knows_the_zones_too_and_a_lost_local_cluster_is_forgotten():
    async def scenario(plane, pools):
        before = world(zoned("us", 1, 1), zoned("them", 2, 2))
        plane.publish(replace(before, clusters={"us": before.clusters["us"]}))
        plane.publish(before)
        assert await zones(plane) == {"here"}
        plane.publish(replace(before, clusters={"them": before.clusters["them"]}))
        assert await zones(plane) == {"here", "there"}

    run(scenario)


def test_connections_end_when_hosts_come_or_go_if_the_cluster_wants_that():
    async def scenario(plane, pools):
        a = replace(cluster("a"), close_on_change=True)
        plane.publish(snapshot(a, assignments=[assignment("a", 1, 2)]))
        plane.upstreams["a"].pick(get())
        assert plane.publish(snapshot(a, assignments=[assignment("a", 1, 2)])) == []
        assert pools.renewed == []
        left = plane.publish(snapshot(a, assignments=[assignment("a", 2, 3)]))
        assert ([host.name for host in left], pools.renewed) == (["10.0.0.1:1"], ["10.0.0.1:2"])

    run(scenario)


def test_endpoints_that_are_not_told_again_in_time_are_gone():
    async def scenario(plane, pools):
        stale = replace(assignment("a", 1), stale_after=0.02)
        plane.publish(snapshot(cluster("a"), assignments=[stale]))
        assert plane.upstreams["a"].pick(get()).name == "10.0.0.1:1"
        await asyncio.sleep(0.05)
        assert (plane.upstreams["a"].serving, pools.drained) == (False, ["10.0.0.1:1"])
        plane.publish(snapshot(cluster("a"), assignments=[replace(stale)]))
        assert plane.upstreams["a"].serving

    run(scenario)


def test_connections_to_a_host_that_its_rate_ejects_are_made_anew():
    async def scenario(plane, pools):
        often = FailurePercentage(threshold=50, enforcing=100, minimum_hosts=1, request_volume=1)
        outlier = OutlierDetection(interval=0.0, max_ejection_percent=100, failure_percentage=often)
        a = replace(cluster("a"), outlier=outlier)
        plane.publish(snapshot(a, assignments=[assignment("a", 1, 2)]))
        upstream = plane.upstreams["a"]
        for number, status in ((1, 200), (2, 500)):
            upstream.settle(upstream.hosts["10.0.0.1", number], status, ANSWERED, 0.0, 0.0)
        plane.sweep()
        assert pools.renewed == ["10.0.0.1:2"]
        plane.sweep()
        assert pools.renewed == ["10.0.0.1:2"]

    run(scenario)


def test_connections_to_a_host_that_says_that_it_is_ill_are_made_anew():
    def ill(upstream, manner):
        async def send(request: Request) -> Response:
            host = upstream.admit(request)
            request.record.endpoint = host.name
            return Response(200, [(b"x-envoy-immediate-health-check-fail", b"true")], Body(), request.record)

        return send

    async def main():
        pools = Pools()
        plane = Dataplane(WHO, ill, pools)
        checked = replace(cluster("a"), health_check=HealthCheck(TcpProbe(), 1.0, 50.0, 1, 1, 1.0, 1.0, 1.0))
        plane.publish(snapshot(checked, assignments=[assignment("a", 1)]))
        (host,) = plane.upstreams["a"].hosts.values()
        host.checkup.passed(1)
        plane.examined(plane.upstreams["a"], host)
        await plane.send(get())
        assert (pools.renewed, host.condition) == (["10.0.0.1:1"], "unfit")
        await plane.aclose()

    asyncio.run(main(), debug=True)
