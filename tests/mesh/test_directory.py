"""Addresses of hosts that requests name: one look-up for all who ask, and no more names than there may be."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.errors import TooManyLookUps, TooManyNames, UnknownName, Unnamed
from meshio.mesh.directory import Directories, Directory
from meshio.mesh.snapshot import Snapshot
from meshio.naming.cache import NameCache
from meshio.naming.resolver import Answer, Family, Resolver
from meshio.resilience.named_host import NamedHost
from meshio.routing.filters import Filter
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.testing import run
from meshio.upstream.cluster import Cluster, DynamicForward

FAILED = Answer(failed=True, reason="cares_failure:DNS server returned general failure")
NOTHING = Answer(reason="cares_norecords:Domain name not found")
CACHE = NameCache("c", shortest=1.0)
A, B = ("a.test", 80), ("b.test", 80)


class Names:
    """In the place of name servers: one answer after the other, each after a moment."""

    def __init__(self, **known: list[Answer]) -> None:
        self.known = {f"{name}.test": answers for name, answers in known.items()}
        self.asked: list[str] = []
        self.delay = 0.01

    async def look_up(self, resolver: Resolver, host: str, family: Family) -> Answer:
        self.asked.append(host)
        await asyncio.sleep(self.delay)
        answers = self.known.get(host, [NOTHING])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def found(*addresses: str, lifetime: int = 300) -> Answer:
    return Answer(tuple((address, lifetime) for address in addresses))


def scenario(body, cache: NameCache = CACHE, **known: list[Answer]) -> None:
    """Run it with a directory, and see that nothing is left of it."""

    async def main() -> None:
        names, gone = Names(**known), []
        directory = Directory(cache, names.look_up, lambda _, address: gone.append(address))
        await body(directory, names, gone)
        await asyncio.gather(*directory.cancel(), return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_a_name_is_looked_up_once_for_all_who_ask() -> None:
    async def body(directory, names, gone):
        await asyncio.gather(*(directory.find(A) for _ in range(5)))
        assert names.asked == ["a.test"]
        endpoint = directory.endpoints[A]
        assert (endpoint.address, endpoint.others) == (("10.0.0.1", 80), (("10.0.0.2", 80),))
        assert endpoint.hostname == "a.test:80"
        assert directory.waiting == 0

    scenario(body, a=[found("10.0.0.1", "10.0.0.2")])


@pytest.mark.parametrize(
    ("answer", "details"),
    [
        (NOTHING, "dns_resolution_failure{cares_norecords:Domain_name_not_found}"),
        (FAILED, "dns_resolution_failure{cares_failure:DNS_server_returned_general_failure}"),
    ],
)
def test_who_asks_for_a_name_without_address_is_told_why(answer: Answer, details: str) -> None:
    async def body(directory, names, gone):
        for _ in range(2):
            with pytest.raises(UnknownName) as unknown:
                await directory.find(A)
            assert (unknown.value.flag, unknown.value.details) == ("DF", details)
        assert names.asked == ["a.test"]  # until it is time to look again

    scenario(body, a=[answer])


def test_a_look_up_ends_with_the_patience_of_the_cache() -> None:
    async def body(directory, names, gone):
        names.delay = 60.0
        with pytest.raises(UnknownName, match="resolve_timeout"):
            await directory.find(A)

    scenario(body, replace(CACHE, patience=2.0))


def test_there_are_no_more_names_than_there_may_be() -> None:
    async def body(directory, names, gone):
        await directory.find(A)
        with pytest.raises(TooManyNames):
            await directory.find(B)
        await directory.find(A)

    scenario(body, replace(CACHE, most=1), a=[found("10.0.0.1")])


def test_no_more_wait_than_may() -> None:
    async def body(directory, names, gone):
        first = asyncio.create_task(directory.find(A))
        await asyncio.sleep(0)
        with pytest.raises(TooManyLookUps):
            await directory.find(A)
        await first
        await directory.find(A)

    scenario(body, replace(CACHE, waiting=1), a=[found("10.0.0.1")])


def test_who_gives_up_waits_no_more_and_the_look_up_goes_on() -> None:
    async def body(directory, names, gone):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(directory.find(A), 0.001)
        assert directory.waiting == 0
        await directory.find(A)
        assert names.asked == ["a.test"]

    scenario(body, a=[found("10.0.0.1")])


def test_an_answer_is_asked_for_again_and_what_is_gone_keeps_its_addresses() -> None:
    async def body(directory, names, gone):
        await directory.find(A)
        first = directory.endpoints[A]
        await asyncio.sleep(3.5)  # of the leaping clock
        assert names.asked == ["a.test"] * 2
        assert directory.endpoints[A] is first
        await asyncio.sleep(3)
        assert directory.endpoints[A].address == ("10.0.0.2", 80)
        await asyncio.sleep(3)
        assert len(names.asked) == 4
        assert directory.endpoints[A].address == ("10.0.0.2", 80)

    three = [found("10.0.0.1", lifetime=3), found("10.0.0.1", lifetime=3), found("10.0.0.2", lifetime=3), FAILED]
    scenario(body, a=three)


def test_a_failure_is_looked_up_again_without_anybody_asking() -> None:
    async def body(directory, names, gone):
        with pytest.raises(UnknownName):
            await directory.find(A)
        await asyncio.sleep(1.5)
        await directory.find(A)
        assert names.asked == ["a.test"] * 2

    scenario(body, replace(CACHE, failure=(0.1, 0.2)), a=[FAILED, found("10.0.0.1")])


def test_a_failure_may_be_forgotten_at_once_and_an_answer_without_addresses_is_not() -> None:
    async def body(directory, names, gone):
        for place in (A, B):
            with pytest.raises(UnknownName):
                await directory.find(place)
        await directory.find(A)
        with pytest.raises(UnknownName):
            await directory.find(B)
        assert names.asked == ["a.test", "b.test", "a.test"]
        assert gone == []

    scenario(body, replace(CACHE, tries_again=False), a=[FAILED, found("10.0.0.1")], b=[NOTHING])


def test_a_name_that_nobody_asks_for_is_forgotten() -> None:
    async def body(directory, names, gone):
        await directory.find(A)
        await asyncio.sleep(9)
        await directory.find(A)
        await asyncio.sleep(9)
        assert gone == []
        await asyncio.sleep(12)
        assert (gone, directory.endpoints) == ([A], {})
        await directory.find(A)

    scenario(body, replace(CACHE, lifetime=10.0), a=[found("10.0.0.1", lifetime=5)])


def test_names_are_looked_up_ahead() -> None:
    async def body(directory, names, gone):
        await asyncio.sleep(1)
        assert list(directory.endpoints) == [A]
        with pytest.raises(TooManyNames):
            await directory.find(B)

    scenario(body, replace(CACHE, most=1, ahead=(A,)), a=[found("10.0.0.1")])


def test_who_waits_when_it_ends_is_told() -> None:
    async def main() -> None:
        names = Names()
        names.delay = 60.0
        directories = Directories(names.look_up, lambda *_: None)
        waiting = asyncio.create_task(directories.of(CACHE).find(A))
        await asyncio.sleep(1)
        await directories.aclose()
        with pytest.raises(UnknownName, match="not looked up any more"):
            await waiting
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def snapshot(clusters: list[NameCache], filters: list[NameCache]) -> Snapshot:
    own = {cache.name: Cluster(cache.name, DynamicForward(cache=cache), ClusterProvided()) for cache in clusters}
    layers = tuple(Filter(f"f{number}", NamedHost(cache)) for number, cache in enumerate(filters))
    listener = Listener("l", "0.0.0.0", 80, (FilterChain(HttpChain("r", filters=layers)),))
    return Snapshot(listeners={"l": listener}, clusters=own)


def test_the_caches_are_those_that_the_snapshot_speaks_of() -> None:
    async def main() -> None:
        names = Names(a=[found("10.0.0.1")])
        directories = Directories(names.look_up, lambda *_: None)
        ahead = replace(CACHE, name="f", ahead=(A,))
        directories.follow(snapshot([CACHE], [ahead]))
        first = directories.of(CACHE)
        await first.find(A)
        await asyncio.sleep(1)
        assert list(directories.known(ahead)) == [A]
        directories.follow(snapshot([CACHE, ahead], []))
        assert directories.of(CACHE) is first
        directories.follow(snapshot([], [CACHE]))  # without such a cluster, the filter concerns nobody
        assert directories.of(CACHE) is not first
        await directories.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a.test", "b.test", "c.test"]),
        st.sampled_from([NOTHING, FAILED, found("10.0.0.1", lifetime=2), found("10.0.0.2", "10.0.0.1", lifetime=9)]),
        st.sampled_from([0.0, 0.01, 1.0, 4.0, 30.0]),
    ),
    max_size=6,
)


@settings(max_examples=20)
@given(STEPS, st.integers(1, 3), st.booleans(), st.sampled_from([0.5, 10.0]))
def test_whatever_comes_it_knows_no_more_than_it_may_and_what_it_was_told(
    steps: list[tuple[str, Answer, float]], most: int, tries_again: bool, lifetime: float
) -> None:
    """`steps`: who is asked for, what name servers say of it from then on, and how long it is until the next one."""

    async def body(directory, names, gone):
        for host, answer, pause in steps:
            names.known[host] = [answer]
            with suppress(Unnamed):
                await directory.find((host, 80))
                assert (host, 80) in directory.endpoints
            assert directory.waiting == 0
            await asyncio.sleep(pause)
            assert len(directory.endpoints) <= len(directory) <= most
        for (host, _), endpoint in directory.endpoints.items():
            told = [answer for name, answer, _ in steps if name == host and answer.addresses]
            assert endpoint.address[0] in {answer.addresses[0][0] for answer in told}
        await asyncio.sleep(1000)  # nobody asks any more
        assert (len(directory), directory.endpoints) == (0, {})

    scenario(body, replace(CACHE, most=most, tries_again=tries_again, lifetime=lifetime))
