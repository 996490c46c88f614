"""Clusters whose hosts requests name, in service: who finds the address, and what becomes of a host nobody asks for."""

import asyncio
from dataclasses import replace

import pytest

from meshio import testing
from meshio.balancing.cluster_provided import ClusterProvided
from meshio.errors import NoHealthyHost, UnknownName
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.snapshot import Identity
from meshio.naming.cache import NameCache
from meshio.naming.resolver import Answer, Family, Resolver
from meshio.resilience.named_host import NamedHost
from meshio.routing.filters import Filter
from meshio.routing.mirror import Mirror
from meshio.routing.route import Route
from meshio.upstream.cluster import Cluster, DynamicForward, HttpOptions
from tests.mesh.planes import ANY, Peer, cluster, get, http, snapshot, table, to

CACHE = NameCache("c", shortest=1.0, lifetime=5.0)
LASTING = HttpOptions(idle_timeout=1e12)  # what is tested is another time
FILTER = Filter("dfp", NamedHost(CACHE))


class Names:
    """What name servers know."""

    def __init__(self) -> None:
        self.known = {"one.test": "10.0.0.1"}
        self.asked: list[str] = []

    async def look_up(self, resolver: Resolver, host: str, family: Family) -> Answer:
        self.asked.append(host)
        address = self.known.get(host)
        return Answer(((address, 2),)) if address else Answer(reason="cares_norecords:Domain name not found")


class Drained:
    """Connections, of which it is only noted whose are to end."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def drain(self, hosts) -> None:
        self.hosts += [host.name for host in hosts]

    def renew(self, host) -> None:
        self.hosts.append(host.name)


def wild(name: str = "w", cache: NameCache = CACHE) -> Cluster:
    return Cluster(name, DynamicForward(cache=cache), ClusterProvided(), http=LASTING)


def run(body) -> None:
    async def main() -> None:
        peer, names, drained = Peer(), Names(), Drained()
        plane = Dataplane(Identity(), peer.attempt, drained, names.look_up)
        await body(plane, peer, names, drained)
        await plane.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    testing.run(main())


def test_the_filter_finds_the_address_and_the_cluster_uses_it() -> None:
    async def body(plane, peer, names, drained):
        plane.publish(snapshot(wild(), listeners=(http(filters=(FILTER,)),)))
        response = await plane.dispatch(get(host="one.test"))
        assert response.header(b"x-from") == b"w 10.0.0.1:80"
        with pytest.raises(UnknownName):
            await plane.dispatch(get(host="no.test"))
        assert names.asked == ["one.test", "no.test"]

    run(body)


def test_without_the_filter_the_cluster_finds_it_or_has_no_host() -> None:
    async def body(plane, peer, names, drained):
        plane.publish(snapshot(wild()))
        assert (await plane.dispatch(get(host="one.test"))).status == 200
        with pytest.raises(NoHealthyHost) as nobody:
            await plane.dispatch(get(host="no.test"))
        assert nobody.value.details == "dns_resolution_failure{cares_norecords:Domain_name_not_found}"
        assert len(peer.seen) == 1

    run(body)


def test_a_host_that_nobody_asks_for_is_let_go_of() -> None:
    async def body(plane, peer, names, drained):
        plane.publish(snapshot(wild()))
        await plane.dispatch(get(host="one.test"))
        first = list(plane.upstreams["w"].hosts.values())
        await asyncio.sleep(10)  # of the leaping clock
        assert (drained.hosts, plane.upstreams["w"].hosts) == (["10.0.0.1:80"], {})
        await plane.dispatch(get(host="one.test"))
        assert list(plane.upstreams["w"].hosts.values()) != first

    run(body)


def test_an_update_of_other_things_keeps_names_and_hosts() -> None:
    async def body(plane, peer, names, drained):
        plane.publish(snapshot(wild()))
        await plane.dispatch(get(host="one.test"))
        (host,) = plane.upstreams["w"].hosts.values()
        plane.publish(snapshot(replace(wild(), connect_timeout=1.0)))
        await plane.dispatch(get(host="one.test"))
        assert list(plane.upstreams["w"].hosts.values()) == [host]
        assert names.asked == ["one.test"]

    run(body)


def test_another_cache_begins_anew_and_a_cluster_that_is_none_of_these_needs_none() -> None:
    async def body(plane, peer, names, drained):
        plane.publish(snapshot(wild()))
        await plane.dispatch(get(host="one.test"))
        plane.publish(snapshot(wild(cache=replace(CACHE, name="d"))))
        await plane.dispatch(get(host="one.test"))
        assert names.asked == ["one.test", "one.test"]
        plane.publish(snapshot(cluster("w")))
        assert (await plane.dispatch(get(host="no.test"))).header(b"x-from") == b"w 10.0.0.1:1"
        assert names.asked == ["one.test", "one.test"]

    run(body)


def test_a_shadow_finds_its_own_host() -> None:
    async def body(plane, peer, names, drained):
        route = Route(ANY, to("a", mirrors=(Mirror("w"),)))
        plane.publish(snapshot(cluster("a"), wild(), routes=(table(route),)))
        names.known["one.test-shadow"] = "10.0.0.2"
        await plane.dispatch(get(host="one.test"))
        await asyncio.sleep(0.1)
        assert names.asked == ["one.test-shadow"]
        assert len(peer.seen) == 2

    run(body)
