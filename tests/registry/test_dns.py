"""DNS clusters: found before they serve, refreshed while they do, and never emptied by a resolver that fails."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.round_robin import RoundRobin
from meshio.naming.resolver import Answer, Family, Resolver
from meshio.registry.dns import Refresher, pause_after
from meshio.testing import run
from meshio.upstream.cluster import Cluster, Dns, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, Locality, LocalityEndpoints

EAST = Locality("east")
FAILED = Answer(failed=True, reason="cares_failure:DNS server returned general failure")


def dns(*hosts: str, name: str = "a", **more) -> Cluster:
    endpoints = tuple(Endpoint((host, 80), weight=3, workload="w") for host in hosts)
    return Cluster(name, Dns(LoadAssignment(name, (LocalityEndpoints(endpoints, EAST, 1, 7),)), **more), RoundRobin())


class Names:
    """In the place of name servers: answers from a dict. Nobody knows a name that is not there, which takes a while."""

    def __init__(self, **known: Answer | list[str]) -> None:
        self.known = known
        self.asked: list[str] = []
        self.asked_at: list[float] = []

    async def look_up(self, resolver: Resolver, host: str, family: Family) -> Answer:
        self.asked.append(host)
        self.asked_at.append(asyncio.get_running_loop().time())
        match self.known.get(host):
            case None:
                await asyncio.sleep(30)
                return FAILED
            case Answer() as answer:
                return answer
            case addresses:
                return Answer(tuple((address, 300) for address in addresses))


class Told:
    """What a refresher tells, and a way to wait for it."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.answers: asyncio.Queue[tuple[str, list[str]]] = asyncio.Queue()
        self.refresher = Refresher(self.take, names.look_up)

    def take(self, name: str, found: LoadAssignment) -> None:
        self.answers.put_nowait((name, addresses(found)))

    async def next(self) -> tuple[str, list[str]]:
        return await asyncio.wait_for(self.answers.get(), 1000)

    def told(self) -> list[tuple[str, list[str]]]:
        return [self.answers.get_nowait() for _ in range(self.answers.qsize())]

    async def follow(self, *clusters: Cluster) -> dict[str, list[str]]:
        found = await self.refresher.follow({each.name: each for each in clusters}, 2.0)
        return {name: addresses(assignment) for name, assignment in found.items()}


def addresses(assignment: LoadAssignment) -> list[str]:
    return [endpoint.address[0] for group in assignment.localities for endpoint in group.endpoints]


def scenario(body, **known):
    """Run it with a refresher, and see that closing it leaves no task."""

    async def main():
        told = Told(Names(**known))
        try:
            await body(told)
        finally:
            await told.refresher.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_a_new_cluster_is_found_before_it_serves_and_others_are_left_alone():
    async def body(told):
        assert await told.follow(dns("a"), Cluster("b", Eds("b"), RoundRobin())) == {"a": ["10.0.0.1", "10.0.0.2"]}

    scenario(body, a=["10.0.0.1", "10.0.0.2"])


def test_an_answer_keeps_what_the_control_plane_said_of_the_endpoint():
    async def body(told):
        found = await told.refresher.follow({"a": dns("a")}, 2.0)
        (group,) = found["a"].localities
        assert (group.locality, group.priority, group.weight) == (EAST, 1, 7)
        assert group.endpoints == (Endpoint(("10.0.0.1", 80), weight=3, workload="w", hostname="a"),)

    scenario(body, a=["10.0.0.1"])


def test_addresses_need_no_resolver():
    async def body(told):
        assert await told.follow(dns("10.0.0.9", "fd00::1")) == {"a": ["10.0.0.9", "fd00::1"]}
        assert told.names.asked == []

    scenario(body)


def test_logical_dns_is_one_host_with_the_first_address():
    async def body(told):
        assert await told.follow(dns("a", strict=False)) == {"a": ["10.0.0.1"]}

    scenario(body, a=["10.0.0.1", "10.0.0.2"])


def test_others_are_there_to_fall_back_on():
    async def body(told):
        found = await told.refresher.follow({"a": dns("a", strict=False)}, 2.0)
        ((endpoint,),) = (group.endpoints for group in found["a"].localities)
        assert endpoint.others == (("10.0.0.2", 80), ("10.0.0.3", 80))

    scenario(body, a=["10.0.0.1", "10.0.0.2", "10.0.0.3"])


def test_pauses_grow_while_look_ups_fail():
    settings = dns("a", refresh=60.0, jitter=2.0, failure=(1.0, 8.0)).discovery
    for failures, most in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (5000, 8.0)):
        pauses = [pause_after(FAILED, settings, failures) for _ in range(100)]
        assert most / 2 < max(pauses) <= most
        assert min(pauses) > 0
    assert pause_after(FAILED, dns("a", refresh=60.0, jitter=2.0).discovery, 3) == 60.0


LIFETIMES = st.lists(st.integers(0, 2**31 - 1), max_size=4)


@given(LIFETIMES, st.booleans(), st.booleans(), st.floats(0.001, 1e6), st.floats(0, 100))
def test_the_next_look_up_is_due_when_the_answer_is_too_old(lifetimes, strict, respect, refresh, jitter):
    settings = dns("a", strict=strict, respect_ttl=respect, refresh=refresh, jitter=jitter).discovery
    answer = Answer(tuple((f"10.0.0.{number}", lifetime) for number, lifetime in enumerate(lifetimes)))
    pause = pause_after(answer, settings, 0)
    good_for = (min(lifetimes) if strict else lifetimes[0]) if lifetimes else 0
    least = good_for if respect and good_for else refresh
    assert least <= pause <= least + jitter


def test_a_socket_needs_no_resolver():
    async def body(told):
        assert await told.follow(dns("/run/x")) == {"a": ["/run/x"]}
        assert told.names.asked == []

    scenario(body)


def test_answers_change_with_the_refresh_rate():
    async def body(told):
        await told.follow(dns("a", refresh=60.0))
        told.names.known["a"] = ["10.0.0.2"]
        assert await told.next() == ("a", ["10.0.0.2"])
        told.names.known["a"] = ["10.0.0.3"]
        assert await told.next() == ("a", ["10.0.0.3"])
        first, second, third = told.names.asked_at
        assert second - first == pytest.approx(60, abs=1)
        assert third - second == pytest.approx(60, abs=1)

    scenario(body, a=["10.0.0.1"])


def test_an_answer_is_asked_for_again_when_it_is_good_no_more():
    async def body(told):
        await told.follow(dns("a", refresh=60.0, respect_ttl=True))
        assert await told.next() == ("a", ["10.0.0.1"])
        first, second = told.names.asked_at
        assert second - first == pytest.approx(300, abs=1)

    scenario(body, a=["10.0.0.1"])


def test_a_failed_look_up_tells_nothing_and_is_tried_again(caplog):
    async def body(told):
        assert await told.follow(dns("a", refresh=60.0)) == {"a": ["10.0.0.1"]}
        told.names.known["a"] = FAILED
        await asyncio.sleep(125)  # of the leaping clock: a look-up at 60, another one 60 later
        assert len(told.names.asked) == 3
        assert told.answers.empty()  # the addresses of the last good one go on serving
        assert told.names.asked_at[2] - told.names.asked_at[1] == pytest.approx(60, abs=1)
        told.names.known["a"] = ["10.0.0.2"]
        assert await told.next() == ("a", ["10.0.0.2"])

    scenario(body, a=["10.0.0.1"])
    told = [record.getMessage() for record in caplog.records if record.name == "meshio.dns"]
    assert told == ["cluster a: cannot resolve 'a': cares_failure:DNS server returned general failure"]


@pytest.mark.parametrize(("strict", "left"), [(True, []), (False, ["10.0.0.1"])])
def test_a_name_without_addresses_empties_a_strict_cluster_and_leaves_a_logical_one(strict, left):
    async def body(told):
        assert await told.follow(dns("a", refresh=60.0, strict=strict)) == {"a": ["10.0.0.1"]}
        told.names.known["a"] = Answer()
        await asyncio.sleep(65)
        assert [found for _, found in told.told()] == ([left] if strict else [])

    scenario(body, a=["10.0.0.1"])


@pytest.mark.parametrize("failure", [FAILED, Answer()], ids=["failed", "nothing"])
def test_each_name_of_a_cluster_is_looked_up_for_itself(failure):
    async def body(told):
        assert await told.follow(dns("a", "b", refresh=60.0)) == {"a": ["10.0.0.1"]}
        told.names.known["b"] = ["10.0.0.2"]
        while (found := await told.next()) != ("a", ["10.0.0.1", "10.0.0.2"]):
            assert found == ("a", ["10.0.0.1"])

    scenario(body, a=["10.0.0.1"], b=failure)


def test_what_cannot_be_found_at_first_does_not_hold_up_the_others():
    async def body(told):
        assert await told.follow(dns("a"), dns("b", name="b", refresh=600.0)) == {"b": ["10.0.0.2"]}
        told.names.known["a"] = ["10.0.0.1"]
        assert await told.next() == ("a", ["10.0.0.1"])

    scenario(body, a=FAILED, b=["10.0.0.2"])


def test_a_cluster_that_is_not_waited_for_goes_into_service_at_once():
    async def body(told):
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await told.follow(dns("a", awaited=False)) == {}
        assert loop.time() - began < 0.5

    scenario(body)


def test_a_resolver_that_hangs_holds_up_the_first_answer_for_so_long_and_no_longer():
    async def body(told):
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await told.follow(dns("a"), dns("b", name="b", refresh=600.0)) == {"b": ["10.0.0.2"]}
        assert loop.time() - began == pytest.approx(2, abs=0.5)
        told.names.known["a"] = ["10.0.0.1"]
        assert await told.next() == ("a", ["10.0.0.1"])

    scenario(body, b=["10.0.0.2"])


def test_a_cluster_that_stays_is_not_asked_for_anew_and_one_that_left_no_more():
    async def body(told):
        await told.follow(dns("a"), dns("b", name="b"))
        assert await told.follow(dns("a")) == {}
        told.names.asked.clear()
        for _ in range(3):
            assert (await told.next())[0] == "a"
        assert told.names.asked == ["a", "a", "a"]

    scenario(body, a=["10.0.0.1"], b=["10.0.0.2"])


def test_giving_up_the_first_look_up_leaves_no_task():
    async def body(told):
        following = asyncio.create_task(told.follow(dns("a")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following

    scenario(body)
