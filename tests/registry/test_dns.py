"""DNS clusters: found before they serve, refreshed while they do, and never emptied by a resolver that fails."""

import asyncio
import socket

import pytest

from meshio.balancing.round_robin import RoundRobin
from meshio.registry.dns import Refresher, pause_of, preferred, resolve
from meshio.testing import run
from meshio.upstream.cluster import Cluster, Dns, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, Locality, LocalityEndpoints

EAST = Locality("east")


def dns(*hosts: str, name: str = "a", **more) -> Cluster:
    endpoints = tuple(Endpoint((host, 80), weight=3, workload="w") for host in hosts)
    return Cluster(name, Dns(LoadAssignment(name, (LocalityEndpoints(endpoints, EAST, 1, 7),)), **more), RoundRobin())


class Resolver:
    """In the place of the system's: answers from a dict. A list answers, an exception fails, nothing at all hangs."""

    def __init__(self, **known: list[str] | Exception) -> None:
        self.known = known
        self.asked: list[str] = []
        self.asked_at: list[float] = []
        asyncio.get_running_loop().getaddrinfo = self.getaddrinfo

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        self.asked.append(host)
        self.asked_at.append(asyncio.get_running_loop().time())
        match self.known.get(host):
            case Exception() as error:
                raise error
            case None:
                await asyncio.Event().wait()
            case addresses:
                return [(0, type, 6, "", (address, port)) for address in addresses]


class Told:
    """What a refresher tells, and a way to wait for it."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[tuple[str, list[str]]] = asyncio.Queue()
        self.refresher = Refresher(lambda name, found: self.answers.put_nowait((name, addresses(found))))

    async def next(self) -> tuple[str, list[str]]:
        return await asyncio.wait_for(self.answers.get(), 1000)

    async def follow(self, *clusters: Cluster) -> dict[str, list[str]]:
        found = await self.refresher.follow({each.name: each for each in clusters}, 2.0)
        return {name: addresses(assignment) for name, assignment in found.items()}


def addresses(assignment: LoadAssignment) -> list[str]:
    return [endpoint.address[0] for group in assignment.localities for endpoint in group.endpoints]


def scenario(body):
    """Run it with a refresher, and see that closing it leaves no task."""

    async def main():
        told = Told()
        try:
            await body(told)
        finally:
            await told.refresher.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_a_new_cluster_is_found_before_it_serves_and_others_are_left_alone():
    async def body(told):
        Resolver(a=["10.0.0.1", "10.0.0.2"])
        assert await told.follow(dns("a"), Cluster("b", Eds("b"), RoundRobin())) == {"a": ["10.0.0.1", "10.0.0.2"]}

    scenario(body)


def test_an_answer_keeps_what_the_control_plane_said_of_the_endpoint():
    async def body(told):
        Resolver(a=["10.0.0.1"])
        (group,) = (await resolve(dns("a").discovery)).localities
        assert (group.locality, group.priority, group.weight) == (EAST, 1, 7)
        assert group.endpoints == (Endpoint(("10.0.0.1", 80), weight=3, workload="w", hostname="a"),)

    scenario(body)


def test_addresses_need_no_resolver():
    async def body(told):
        resolver = Resolver()
        assert await told.follow(dns("10.0.0.9", "fd00::1")) == {"a": ["10.0.0.9", "fd00::1"]}
        assert resolver.asked == []

    scenario(body)


def test_logical_dns_is_one_host_with_the_first_address():
    async def body(told):
        Resolver(a=["10.0.0.1", "10.0.0.2"])
        assert await told.follow(dns("a", strict=False)) == {"a": ["10.0.0.1"]}

    scenario(body)


@pytest.mark.parametrize(
    ("family", "chosen"),
    [("auto", ["fd00::1"]), ("v4_preferred", ["10.0.0.1"]), ("all", ["10.0.0.1", "fd00::1"])],
)
def test_the_family_is_the_one_the_cluster_prefers(family, chosen):
    assert preferred([("10.0.0.1", 80), ("fd00::1", 80)], family) == [(address, 80) for address in chosen]
    assert preferred([("10.0.0.1", 80)], family) == [("10.0.0.1", 80)]


def test_others_are_there_to_fall_back_on():
    async def body(told):
        Resolver(a=["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        (group,) = (await resolve(dns("a", strict=False).discovery)).localities
        (endpoint,) = group.endpoints
        assert endpoint.others == (("10.0.0.2", 80), ("10.0.0.3", 80))

    scenario(body)


def test_pauses_grow_while_look_ups_fail():
    settings = dns("a", refresh=60.0, jitter=2.0, failure=(1.0, 8.0)).discovery
    assert 60.0 <= pause_of(settings, 0) <= 62.0
    for failures, most in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (5000, 8.0)):
        pauses = [pause_of(settings, failures) for _ in range(100)]
        assert most / 2 < max(pauses) <= most
        assert min(pauses) > 0
    assert pause_of(dns("a", refresh=60.0, jitter=2.0).discovery, 3) == 60.0


def test_a_socket_needs_no_resolver():
    async def body(told):
        resolver = Resolver()
        assert await told.follow(dns("/run/x")) == {"a": ["/run/x"]}
        assert resolver.asked == []

    scenario(body)


def test_answers_change_with_the_refresh_rate():
    async def body(told):
        resolver = Resolver(a=["10.0.0.1"])
        await told.follow(dns("a", refresh=60.0))
        resolver.known["a"] = ["10.0.0.2"]
        assert await told.next() == ("a", ["10.0.0.2"])
        resolver.known["a"] = ["10.0.0.3"]
        assert await told.next() == ("a", ["10.0.0.3"])
        first, second, third = resolver.asked_at
        assert second - first == pytest.approx(60, abs=1)
        assert third - second == pytest.approx(60, abs=1)

    scenario(body)


FAILURES = [
    socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    TimeoutError(),
    UnicodeError("label empty or too long"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=["unknown", "late", "not a name"])
def test_a_failed_look_up_tells_nothing_and_is_tried_again(failure, caplog):
    async def body(told):
        resolver = Resolver(a=["10.0.0.1"])
        assert await told.follow(dns("a", refresh=60.0)) == {"a": ["10.0.0.1"]}
        resolver.known["a"] = failure
        await asyncio.sleep(125)  # of the leaping clock: a look-up at 60, another one 60 later
        assert len(resolver.asked) == 3
        assert told.answers.empty()  # the addresses of the last good one go on serving
        assert resolver.asked_at[2] - resolver.asked_at[1] == pytest.approx(60, abs=1)
        resolver.known["a"] = ["10.0.0.2"]
        assert await told.next() == ("a", ["10.0.0.2"])

    scenario(body)
    assert "cluster a: cannot resolve 'a'" in caplog.text


@pytest.mark.parametrize("failure", FAILURES, ids=["unknown", "late", "not a name"])
def test_what_cannot_be_found_at_first_does_not_hold_up_the_others(failure):
    async def body(told):
        resolver = Resolver(a=failure, b=["10.0.0.2"])
        assert await told.follow(dns("a"), dns("b", name="b", refresh=600.0)) == {"b": ["10.0.0.2"]}
        resolver.known["a"] = ["10.0.0.1"]
        assert await told.next() == ("a", ["10.0.0.1"])

    scenario(body)


def test_a_resolver_that_hangs_holds_up_the_first_answer_for_so_long_and_no_longer():
    async def body(told):
        loop = asyncio.get_running_loop()
        resolver, began = Resolver(b=["10.0.0.2"]), loop.time()
        assert await told.follow(dns("a"), dns("b", name="b", refresh=600.0)) == {"b": ["10.0.0.2"]}
        assert loop.time() - began == pytest.approx(2, abs=0.5)
        resolver.known["a"] = ["10.0.0.1"]
        assert await told.next() == ("a", ["10.0.0.1"])

    scenario(body)


def test_a_cluster_that_stays_is_not_asked_for_anew_and_one_that_left_no_more():
    async def body(told):
        resolver = Resolver(a=["10.0.0.1"], b=["10.0.0.2"])
        await told.follow(dns("a"), dns("b", name="b"))
        assert await told.follow(dns("a")) == {}
        resolver.asked.clear()
        for _ in range(3):
            assert (await told.next())[0] == "a"
        assert resolver.asked == ["a", "a", "a"]

    scenario(body)


def test_giving_up_the_first_look_up_leaves_no_task():
    async def body(told):
        Resolver()
        following = asyncio.create_task(told.follow(dns("a")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following

    scenario(body)


def test_the_systems_resolver_knows_localhost():
    async def body(told):
        assert set((await told.follow(dns("localhost", family="v4")))["a"]) == {"127.0.0.1"}

    scenario(body)
